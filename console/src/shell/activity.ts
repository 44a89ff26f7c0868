// My runs that are under way, in all tenants: one read feeds the activity bar, the
// toasts, the announcements and the bell. A run is followed until it has ended, and
// shown a little longer.
import { useSyncExternalStore } from 'react';
import { api, data } from '../api/client';
import { keys } from '../api/keys';
import { ApiProblem } from '../api/problem';
import type { Run, RunList } from '../api/types';
import { askNow, usePolled } from '../poll/usePolled';
import { common, shell as t } from '../texts';
import { announce } from './announce';
import { Milestones } from './milestones';
import { queryClient } from './queryClient';
import { toastEnd } from './toasts';

const HOLD = 10_000; // milliseconds that an ended run stays in the bar
const LAG = 1500; // until the notification of an end is there

const terminal = (run: Run) => run.status !== 'queued' && run.status !== 'running';

export function plainTitle(run: Pick<Run, 'operation' | 'target'>): string {
  const words = common.operations[run.operation] ?? run.operation;
  return run.target.kind !== 'tenant' && run.target.name ? `${words} “${run.target.name}”` : words;
}

const runs = new Map<string, Run>();
const milestones = new Milestones();
const listeners = new Set<() => void>();
let shown: Run[] = [];

function publish(): void {
  shown = [...runs.values()].sort((a, b) => Number(terminal(a)) - Number(terminal(b)) || b.createdAt.localeCompare(a.createdAt));
  for (const tell of listeners) tell();
}

function see(run: Run): void {
  const before = runs.get(run.id);
  if (before && terminal(before)) return;
  runs.set(run.id, run);
  const news = milestones.of(run);
  if (news?.kind === 'quarter') announce(t.quarter(plainTitle(run), news.percent));
  if (news?.kind === 'waits') announce(t.waits(plainTitle(run)));
  if (news?.kind === 'resumes') announce(t.resumes(plainTitle(run)));
  if (terminal(run)) ended(run);
}

function ended(run: Run): void {
  milestones.forget(run.id);
  announce(`${plainTitle(run)}: ${common.statuses[run.status] ?? run.status}. ${run.sentence}`);
  toastEnd(run);
  setTimeout(() => {
    runs.delete(run.id);
    publish();
  }, HOLD);
  setTimeout(() => askNow(keys.inbox), LAG);
  // What the run may have changed is old now.
  void queryClient.invalidateQueries({ queryKey: keys.tenant(run.tenantId) });
  void queryClient.invalidateQueries({ queryKey: keys.memberships });
}

// A run that left the list has ended, or is not in the index yet.
async function look(run: Run, signal: AbortSignal): Promise<void> {
  try {
    see(await data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant: run.tenantId, run: run.id } }, signal })));
  } catch (err) {
    if (!(err instanceof ApiProblem) || !err.final || err.status === 401) throw err;
    runs.delete(run.id);
  }
}

async function ask(signal: AbortSignal): Promise<RunList> {
  const list = await data(api.GET('/v1/runs', { params: { query: { active: true, pageSize: 20 } }, signal }));
  for (const run of list.items) see(run);
  const listed = new Set(list.items.map((run) => run.id));
  for (const run of [...runs.values()]) if (!listed.has(run.id) && !terminal(run)) await look(run, signal);
  publish();
  return list;
}

/** Follows my runs; for the frame, once. */
export function useFollowing(): void {
  usePolled<RunList>({ key: keys.myRuns, ask, pace: () => ([...runs.values()].some((run) => !terminal(run)) ? 'active' : 'idle') });
}

/** Takes a run that was just started here: lists of its tenant are old now. */
export function follow(run: Run): void {
  if (!terminal(run)) {
    see(run);
    publish();
  }
  askNow(keys.myRuns);
  void queryClient.invalidateQueries({ queryKey: keys.of(run.tenantId, 'runs') });
}

/** Forgets everything; for another person at the same page. */
export function forgetActivity(): void {
  runs.clear();
  publish();
}

const subscribe = (tell: () => void) => {
  listeners.add(tell);
  return () => listeners.delete(tell);
};

/** My active runs of all tenants, and those that ended just now. */
export const useActivity = (): Run[] => useSyncExternalStore(subscribe, () => shown);
