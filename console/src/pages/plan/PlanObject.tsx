// One object of a plan: its heading with the check mark, and below it what changes,
// setting by setting; or the requests; or the plan as it is stored.
import { Button } from '@fluentui/react-components';
import { ChevronDown20Regular, ChevronRight20Regular } from '@fluentui/react-icons';
import { useId, useMemo, useState, type KeyboardEvent, type ReactNode } from 'react';
import { exactText } from '../../api/exact';
import type { PlanDetail, PlanItem } from '../../api/types';
import { plan as t } from '../../texts';
import { Link, Sentence } from '../../ui/links';
import { Loaded } from '../../ui/Page';
import { StatusText } from '../../ui/status';
import { Name } from '../../ui/text';
import { LongText } from '../policy/LongText';
import { useVersion } from '../policy/version';
import type { Shown } from '../policy-diff/rows';
import { Words } from '../policy-diff/Marked';
import { isLong } from '../policy-diff/words';
import { reasonWords } from '../run/reasons';
import { changedRows, otherRows, type Row } from './rows';
import { usePlanDetail } from './usePlan';
import s from './plan.module.css';

const FIRST = 60; // rows of one object
export type PlanTab = 'changes' | 'steps' | 'raw';

export const actionOf = (item: PlanItem): string => item.action ?? 'failed';
export const writesOf = (item: PlanItem): boolean => item.action === 'create' || item.action === 'update' || item.action === 'delete';

export interface PlanObjectProps {
  tenant: string;
  run: string;
  item: PlanItem;
  tab: PlanTab;
  /** Also settings that do not change. */
  full: boolean;
  q: string | undefined;
  open: boolean;
  onOpen: (open: boolean) => void;
  checked: boolean;
  /** undefined: it cannot be selected. */
  onCheck: ((checked: boolean) => void) | undefined;
}

export function PlanObject({ tenant, run, item, tab, full, q, open, onOpen, checked, onCheck }: PlanObjectProps) {
  const id = useId();
  const action = actionOf(item);
  const keyed = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && event.target === event.currentTarget) onOpen(!open);
  };
  return (
    <section className={s.object} aria-labelledby={`${id}-name`} data-object={item.name}>
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div className={`${s.head} ${open ? s.opened : ''}`} tabIndex={-1} data-row={item.key} onKeyDown={keyed}>
        <label className={s.mark}>
          <input
            type="checkbox"
            checked={checked}
            disabled={!onCheck}
            aria-label={action === 'delete' ? t.includeDelete(item.name) : t.include(item.name)}
            onChange={(e) => onCheck?.(e.target.checked)}
          />
        </label>
        <Button
          size="small"
          appearance="transparent"
          className={s.chevron}
          aria-expanded={open}
          aria-controls={`${id}-body`}
          aria-label={t.open(item.name)}
          icon={open ? <ChevronDown20Regular /> : <ChevronRight20Regular />}
          onClick={() => onOpen(!open)}
        />
        <span className={s.action}>
          <StatusText status={action} words={t.action[action]} />
        </span>
        <h2 id={`${id}-name`} className={s.name}>
          <Name>{item.name}</Name>
        </h2>
        <span className={s.type}>{item.typeTitle}</span>
        <span className={s.summary}>{summaryOf(item)}</span>
      </div>
      <div id={`${id}-body`} className={s.body} hidden={!open}>
        {open ? <Body tenant={tenant} run={run} item={item} tab={tab} full={full} q={q} /> : null}
      </div>
    </section>
  );
}

/** The right end of the heading: how much changes, or why it does not. */
function summaryOf(item: PlanItem): string {
  const parts: string[] = [];
  if (item.action === 'update' && item.changes) parts.push(t.settings(item.changes));
  if (item.action === 'create') parts.push(t.newId);
  if (item.action === undefined || item.action === 'blocked') parts.push(reasonWords(item.code ?? item.failure?.code ?? ''));
  for (const w of item.warnings ?? []) if (w.code !== 'new_id' && w.code !== 'delete_created') parts.push(reasonWords(w.code));
  return parts.slice(0, 2).join(' · ');
}

function Body({ tenant, run, item, tab, full, q }: { tenant: string; run: string; item: PlanItem; tab: PlanTab; full: boolean; q: string | undefined }) {
  const detail = usePlanDetail(tenant, run, item, true);
  const sentence = item.sentence ?? item.failure?.sentence;
  const next = item.next ?? item.failure?.next;
  return (
    <>
      {item.name.length > 80 ? <p className={s.whole}><Name as="whole">{item.name}</Name></p> : null}
      {sentence && item.code !== 'already_matches' ? (
        <p className={s.why}>
          <Sentence text={sentence} names={[item.name]} />
          {next ? (
            <>
              {' '}
              <strong>{t.next}</strong> <Sentence text={next} names={[item.name]} />
            </>
          ) : null}
        </p>
      ) : null}
      {item.detail ? (
        <Loaded query={detail} rows={2}>
          {(d) => (
            <>
              {(d.warnings ?? []).map((w) => (
                <p key={w.code} className={s.warn}>
                  <StatusText status="warning" words="" />
                  <span>
                    <Sentence text={w.sentence} names={[item.name]} /> {w.next ?? ''}
                  </span>
                </p>
              ))}
              {tab === 'steps' ? <Steps detail={d} /> : tab === 'raw' ? <Raw detail={d} /> : <Changes tenant={tenant} item={item} detail={d} full={full} q={q} />}
              <p className={`${s.foot} inText`}>
                <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: item.key }} search={item.version ? { v: item.version } : {}}>
                  {item.version ? t.version(item.version) : item.typeTitle}
                </Link>
                {item.matched ? ` · ${t.matched[item.matched] ?? item.matched}` : ''}
                {item.graphId ? <code> {item.graphId}</code> : null}
              </p>
            </>
          )}
        </Loaded>
      ) : sentence ? null : (
        <p className={s.why}>{t.notCompared}</p>
      )}
    </>
  );
}

function Changes({ tenant, item, detail, full, q }: { tenant: string; item: PlanItem; detail: PlanDetail; full: boolean; q: string | undefined }) {
  const changed = useMemo(() => changedRows(item, detail), [item, detail]);
  // A new object is its version; so are the settings that stay as they are.
  const created = item.action === 'create';
  const content = useVersion(tenant, item.key, (created || full) && item.version ? item.version : 0);
  const others = useMemo(
    () => (content.data && (created || full) ? otherRows(item, detail, content.data.content, changed) : []),
    [content.data, created, full, item, detail, changed],
  );
  if (item.action === 'delete') return <p className={s.why}>{t.gone}</p>;
  const rows = [...changed, ...others];
  const wanted = (q ?? '').toLocaleLowerCase();
  const inName = item.name.toLocaleLowerCase().includes(wanted);
  const hits = wanted && !inName ? rows.filter((row) => row.label.toLocaleLowerCase().includes(wanted)) : rows;
  const waits = (created || full) && item.version ? content : null;
  const table = (
    <>
      {detail.changed?.truncated ? <p className={s.why}>{t.truncated(changed.length, detail.changed.total)}</p> : null}
      {hits.length > 0 ? <Rows label={t.open(item.name)} rows={hits} /> : <p className={s.why}>{item.action === 'none' ? t.equal : item.action === 'update' && !detail.changed ? t.tooLarge : t.notCompared}</p>}
    </>
  );
  if (item.action === 'blocked' && rows.length === 0) return null;
  return waits && !content.data ? <Loaded query={waits} rows={3}>{() => null}</Loaded> : table;
}

const within = (row: Row): boolean => !row.secret && !row.same && row.before !== null && row.after !== null && isLong(row.before.text, row.after.text);

function Rows({ label, rows }: { label: string; rows: Row[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? rows : rows.slice(0, FIRST);
  return (
    <>
      <div role="table" aria-label={label} className={s.rows}>
        <div role="rowgroup" className="visuallyHidden">
          <div role="row">
            {(['setting', 'live', 'backup', 'effect'] as const).map((c) => (
              <div key={c} role="columnheader">
                {t.columns[c]}
              </div>
            ))}
          </div>
        </div>
        <div role="rowgroup">
          {shown.map((row) => (
            <div key={row.id} role="row" className={`${s.row} ${row.same ? s.same : ''}`}>
              <div role="cell" className={s.setting}>
                <bdi>{row.label}</bdi>
              </div>
              {within(row) ? (
                <div role="cell" aria-colspan={2} className={s.words}>
                  <Words before={row.before?.text ?? ''} after={row.after?.text ?? ''} />
                </div>
              ) : (
                <>
                  <Cell label={t.columns.live} className={s.live}>
                    {row.secret ? t.secret : row.unread && !row.before ? t.effects.unreadable : <Value value={row.before} />}
                  </Cell>
                  <Cell label={t.columns.backup} className={row.same ? s.live : s.backup}>
                    {row.secret ? t.absent : row.unread && !row.after ? t.effects.unreadable : <Value value={row.after} />}
                  </Cell>
                </>
              )}
              <Cell label={t.columns.effect} className={row.strong ? s.strong : ''}>
                {row.effect}
              </Cell>
            </div>
          ))}
        </div>
      </div>
      {rows.length > shown.length ? (
        <div>
          <Button size="small" onClick={() => setAll(true)}>
            {t.showRows(rows.length)}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function Cell({ label, className = '', children }: { label: string; className?: string; children: ReactNode }) {
  return (
    <div role="cell" className={className}>
      <span className={s.label} aria-hidden="true">
        {label}
      </span>
      {children}
    </div>
  );
}

const Value = ({ value }: { value: Shown | null }) => (value ? <LongText text={value.text} title={value.title} /> : <>{t.absent}</>);

function Steps({ detail }: { detail: PlanDetail }) {
  const steps = detail.steps ?? [];
  const references = detail.references ?? [];
  return (
    <>
      {steps.length === 0 ? (
        <p className={s.why}>{t.noSteps}</p>
      ) : (
        <ol className={s.steps} aria-label={t.stepsLabel}>
          {steps.map((step, i) => (
            <li key={i}>
              <code>{step.method}</code> {step.name}
            </li>
          ))}
        </ol>
      )}
      {references.length > 0 ? (
        <>
          <h3 className={s.sub}>{t.references}</h3>
          <ul className={s.references}>
            {references.map((r) => (
              <li key={`${r.type} ${r.id}`}>
                <bdi>{r.name || r.id}</bdi> <span className={s.type}>{r.type}</span>{' '}
                {r.creates ? t.refersMade : r.to ? <><code>{r.to}</code> {t.refersTo}</> : t.refersNone}
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </>
  );
}

function Raw({ detail }: { detail: PlanDetail }) {
  const text = useMemo(() => exactText(detail), [detail]);
  return (
    // A region that scrolls must be reachable by keyboard.
    <pre className={s.raw} tabIndex={0} role="region" aria-label={t.rawLabel(detail.name)}>
      {text}
    </pre>
  );
}
