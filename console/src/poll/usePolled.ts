// A read that is repeated: TanStack Query holds the answer, the scheduler decides
// when it is asked for again.
import { hashKey, keepPreviousData, useQuery, useQueryClient, type QueryKey, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { currentChoices, onChoice } from '../shell/store';
import { ACTIVE, IDLE, Scheduler, type Standing } from './scheduler';

export const scheduler = new Scheduler({
  now: () => Date.now(),
  random: () => Math.random(),
  hidden: () => document.hidden,
  paused: () => currentChoices().pausedAt !== '',
});

/** Connects the scheduler to the tab and the pause switch; once, at the start. */
export function beginPolling(): void {
  const seen = () => (document.hidden ? scheduler.plan() : scheduler.focused());
  document.addEventListener('visibilitychange', seen);
  addEventListener('focus', seen);
  let paused = currentChoices().pausedAt;
  onChoice(() => {
    const now = currentChoices().pausedAt;
    if (now === paused) return;
    paused = now;
    if (now) scheduler.plan();
    else scheduler.focused();
  });
}

/** active: ask often. ended: never again. Otherwise at the idle pace. */
export type Pace = 'active' | 'idle' | 'ended';

export interface Polled<T> {
  key: QueryKey;
  ask: (signal: AbortSignal) => Promise<T>;
  /** How soon to ask again, by the last answer. */
  pace: (data: T | undefined) => Pace;
  enabled?: boolean;
  /** Keeps showing the answer to the former key until the new one is there. */
  keep?: boolean;
}

export function usePolled<T>({ key, ask, pace, enabled = true, keep = false }: Polled<T>): UseQueryResult<T> {
  const client = useQueryClient();
  const query: UseQueryResult<T> = useQuery<T>({
    queryKey: key,
    queryFn: ({ signal }) => ask(signal),
    enabled,
    placeholderData: keep ? keepPreviousData : undefined,
  });
  const id = hashKey(key);
  const latest = useRef({ pace, key });
  latest.current = { pace, key };
  useEffect(() => {
    if (!enabled) return undefined;
    const state = () => client.getQueryState<T>(latest.current.key);
    return scheduler.watch({
      id,
      ask: () => client.refetchQueries({ queryKey: latest.current.key, exact: true }, { throwOnError: true, cancelRefetch: false }),
      interval: () => {
        const at = latest.current.pace(state()?.data);
        return at === 'ended' ? null : at === 'active' ? ACTIVE : IDLE;
      },
      answeredAt: () => Math.max(state()?.dataUpdatedAt ?? 0, state()?.errorUpdatedAt ?? 0),
    });
  }, [client, id, enabled]);
  // An answer may have changed the pace.
  useEffect(() => scheduler.heard(query.dataUpdatedAt), [query.dataUpdatedAt, query.errorUpdatedAt]);
  return query;
}

export const useStanding = (): Standing => useSyncExternalStore(scheduler.onStanding, scheduler.standing);

/** Asks for it now, for example after a start. */
export const askNow = (key: QueryKey): void => scheduler.now(hashKey(key));
