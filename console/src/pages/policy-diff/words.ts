// Word differences inside long texts, and line differences of whole documents, in
// bounded time: a script of a megabyte must not stop the page.
import { diffLines, diffWordsWithSpace, type ChangeObject } from 'diff';

export interface Piece {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

const TIME = 400; // milliseconds

const piece = (c: ChangeObject<string>): Piece => ({ kind: c.added ? 'added' : c.removed ? 'removed' : 'same', text: c.value });

/** Whether a change of texts is read better as words within one text than side by side. */
export const isLong = (before: string, after: string): boolean => Math.min(before.length, after.length) >= 40 && (before.length + after.length > 160 || before.includes('\n') || after.includes('\n'));

/** null: they differ too much to say so in time. */
export function words(before: string, after: string): Piece[] | null {
  return (diffWordsWithSpace(before, after, { timeout: TIME }) ?? diffLines(before, after, { timeout: TIME }))?.map(piece) ?? null;
}

/** null: they differ too much to say so in time. */
export const lines = (before: string, after: string): Piece[] | null => diffLines(before, after, { timeout: 2 * TIME })?.map(piece) ?? null;

export interface Part extends Piece {
  /** Characters or lines that are left out in place of the text. */
  skipped?: number;
}

const AROUND = 80; // characters kept beside a change; at lines, where there are some

const lastOf = (text: string): string => {
  const end = text.slice(-AROUND);
  const line = end.indexOf('\n');
  return line >= 0 && line < end.length - 1 ? end.slice(line + 1) : end;
};

const firstOf = (text: string): string => {
  const begin = text.slice(0, AROUND);
  const line = begin.lastIndexOf('\n');
  return line > 0 ? begin.slice(0, line) : begin;
};

/** Leaves out the middle of long pieces that did not change. */
export function fold(pieces: Piece[]): Part[] {
  return pieces.flatMap((p, i): Part[] => {
    if (p.kind !== 'same' || p.text.length <= 3 * AROUND) return [p];
    const head = i === 0 ? '' : firstOf(p.text);
    const tail = i === pieces.length - 1 ? '' : lastOf(p.text);
    return [
      ...(head ? [{ kind: 'same' as const, text: head }] : []),
      { kind: 'same', text: '', skipped: p.text.length - head.length - tail.length },
      ...(tail ? [{ kind: 'same' as const, text: tail }] : []),
    ];
  });
}

const CONTEXT = 3; // lines

export interface Line {
  kind: 'same' | 'added' | 'removed' | 'skipped';
  text: string;
  skipped?: number;
}

/** The lines that changed, with some around them. */
export function foldLines(pieces: Piece[]): Line[] {
  return pieces.flatMap((p, i): Line[] => {
    const all = p.text.replace(/\n$/, '').split('\n');
    if (p.kind !== 'same') return all.map((text) => ({ kind: p.kind, text }));
    const head = i === 0 ? [] : all.slice(0, CONTEXT);
    const tail = i === pieces.length - 1 ? [] : all.slice(Math.max(head.length, all.length - CONTEXT));
    const skipped = all.length - head.length - tail.length;
    const same = (text: string): Line => ({ kind: 'same', text });
    return [...head.map(same), ...(skipped > 0 ? [{ kind: 'skipped' as const, text: '', skipped }] : []), ...tail.map(same)];
  });
}
