// Text in which what was taken out is struck and what came in is underlined.
import { Fragment, useMemo } from 'react';
import { policyDiff as t } from '../../texts';
import { fold, foldLines, lines, words, type Piece } from './words';
import s from '../policy/policy.module.css';

function Marks({ piece }: { piece: Piece }) {
  if (piece.kind === 'added') {
    return (
      <ins>
        <span className="visuallyHidden">{t.added} </span>
        {piece.text}
      </ins>
    );
  }
  if (piece.kind === 'removed') {
    return (
      <del>
        <span className="visuallyHidden">{t.removed} </span>
        {piece.text}
      </del>
    );
  }
  return <>{piece.text}</>;
}

/** A change within one text. */
export function Words({ before, after }: { before: string; after: string }) {
  const parts = useMemo(() => {
    const found = words(before, after);
    return found && fold(found);
  }, [before, after]);
  if (!parts) {
    return (
      <div className={s.words}>
        <span className={s.skipped}>{t.tooDifferent}</span>
        <del>{before}</del>
        {'\n'}
        <ins>{after}</ins>
      </div>
    );
  }
  return (
    <bdi className={s.words}>
      {parts.map((p, i) => (p.skipped ? <span key={i} className={s.skipped}>{t.skipped(p.skipped)}</span> : <Marks key={i} piece={p} />))}
    </bdi>
  );
}

const LONGEST = 400; // characters of one line

const clipped = (text: string): string => (text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}… ${t.more(text.length - LONGEST)}`);

/** The lines that differ between two documents. */
export function Lines({ before, after }: { before: string; after: string }) {
  const found = useMemo(() => {
    const pieces = lines(before, after);
    return pieces && foldLines(pieces);
  }, [before, after]);
  if (before === after) return <p>{t.rawEqual}</p>;
  if (!found) return <p>{t.tooDifferent}</p>;
  return (
    <div className={s.lines} tabIndex={0} role="region" aria-label={t.rawLabel}>
      {found.map((line, i) => (
        <Fragment key={i}>
          {line.kind === 'skipped' ? (
            <div className={s.line}>
              <span aria-hidden="true">⋯</span>
              <span className={s.skipped}>{t.skippedLines(line.skipped ?? 0)}</span>
            </div>
          ) : (
            <div className={s.line}>
              <span aria-hidden="true">{line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ''}</span>
              <bdi>{line.kind === 'same' ? clipped(line.text) : <Marks piece={{ kind: line.kind, text: clipped(line.text) }} />}</bdi>
            </div>
          )}
        </Fragment>
      ))}
    </div>
  );
}
