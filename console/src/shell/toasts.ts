// Messages that come and go: one line, one action. Good news leaves after six
// seconds; a failure stays until it is dismissed. While a dialog is open they wait.
import { useSyncExternalStore } from 'react';
import type { Run } from '../api/types';
import { common, shell as t } from '../texts';
import { formatList } from '../format/format';

export interface Toast {
  id: number;
  status: string;
  text: string;
  /** Names in the text that come from a tenant. */
  names?: (string | undefined)[];
  run?: { tenantId: string; id: string };
  /** Where "View" leads when there is no single run. */
  view?: '/runs';
  action?: { label: string; act: () => void };
  stays: boolean;
}

const MOST = 3;
const TOGETHER = 5000; // ends this close together are told as one
const MANY = 3;

let toasts: Toast[] = [];
let last = 0;
let ends: { at: number; run: Run; toast: number }[] = [];
const listeners = new Set<() => void>();

function publish(next: Toast[]): void {
  // The oldest that would leave by itself makes room first.
  while (next.length > MOST) {
    const gone = next.find((x) => !x.stays) ?? next[0];
    next = next.filter((x) => x !== gone);
  }
  toasts = next;
  for (const tell of listeners) tell();
}

/** Shows a message; failures stay. Say it aloud with announce as well. */
export function toast(message: Omit<Toast, 'id' | 'stays'> & { stays?: boolean }): number {
  const id = ++last;
  publish([...toasts, { stays: message.status === 'failed', ...message, id }]);
  return id;
}

export const dismiss = (id: number): void => publish(toasts.filter((x) => x.id !== id));

/** A run of mine has ended. Three within five seconds are one message. */
export function toastEnd(run: Run, now: number = Date.now()): void {
  ends = ends.filter((e) => now - e.at < TOGETHER);
  if (ends.length + 1 < MANY) {
    const names = [run.target.name, run.tenantName, run.initiator.name];
    ends.push({ at: now, run, toast: toast({ status: run.status, text: run.sentence, names, run: { tenantId: run.tenantId, id: run.id } }) });
    return;
  }
  const before = new Set(ends.map((e) => e.toast));
  const all = [...ends.map((e) => e.run), run];
  const kinds = ['succeeded', 'partial', 'failed', 'canceled'].flatMap((status) => {
    const n = all.filter((r) => r.status === status).length;
    return n ? [`${n} ${(common.statuses[status] ?? status).toLowerCase()}`] : [];
  });
  const status = all.some((r) => r.status === 'failed') ? 'failed' : all.some((r) => r.status === 'partial') ? 'partial' : 'succeeded';
  publish(toasts.filter((x) => !before.has(x.id)));
  const id = toast({ status, text: t.toastEnds(all.length, formatList(kinds)), view: '/runs' });
  ends = [...ends.map((e) => ({ ...e, toast: id })), { at: now, run, toast: id }];
}

/** Forgets everything; for another person at the same page. */
export function forgetToasts(): void {
  ends = [];
  publish([]);
}

const subscribe = (tell: () => void) => {
  listeners.add(tell);
  return () => listeners.delete(tell);
};

export const currentToasts = (): Toast[] => toasts;
export const useToasts = (): Toast[] => useSyncExternalStore(subscribe, currentToasts);
