// A run by its id: asked for every two seconds until it has ended, and then never
// again, save when something that was started here may have changed it.
import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { Run } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { isTerminal } from '../../ui/status';

const MOST = 8; // related runs that are looked at

export const runKey = (tenant: string, id: string) => keys.of(tenant, 'run', id);

const ask = (tenant: string, id: string, signal: AbortSignal): Promise<Run> =>
  data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant, run: id } }, signal }));

export const useRun = (tenant: string, id: string, enabled = true): UseQueryResult<Run> =>
  usePolled<Run>({
    key: runKey(tenant, id),
    ask: (signal) => ask(tenant, id, signal),
    pace: (run) => (run && isTerminal(run) ? 'ended' : 'active'),
    enabled,
  });

export interface Related {
  id: string;
  kind: string;
  run: Run | undefined;
}

/** Earlier and later runs that have to do with this one. */
export function useRelated(run: Run): Related[] {
  const related = run.related ?? [];
  const found = useQueries({
    queries: related.slice(0, MOST).map(({ id }) => ({
      queryKey: runKey(run.tenantId, id),
      queryFn: ({ signal }: { signal: AbortSignal }) => ask(run.tenantId, id, signal),
      staleTime: 10_000,
      retry: false,
    })),
  });
  return related.map((r, i) => ({ id: r.id, kind: r.kind, run: found[i]?.data }));
}
