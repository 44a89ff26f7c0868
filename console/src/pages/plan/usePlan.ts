// The plan of a preview. Its items are read once and whole, since filters, warnings
// and what is selected are about all of them; what changes in each object is read
// when somebody opens it, or when it is searched for.
import { useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { all, api, data, exact } from '../../api/client';
import { keys } from '../../api/keys';
import type { Plan, PlanDetail, PlanItem } from '../../api/types';
import { usePolled } from '../../poll/usePolled';

const PAGE = 200;
const AT_ONCE = 6;

const page = (tenant: string, run: string, pageToken: string | undefined, signal: AbortSignal): Promise<Plan> =>
  data(api.GET('/v1/tenants/{tenant}/runs/{run}/plan', { params: { path: { tenant, run }, query: { pageSize: PAGE, pageToken } }, signal }));

/** What a plan says of itself; whether it can be applied may change, its items do not. */
export const usePlanHead = (tenant: string, run: string, enabled: boolean): UseQueryResult<Plan> =>
  usePolled<Plan>({
    key: keys.of(tenant, 'plan', run),
    ask: (signal) => page(tenant, run, undefined, signal),
    pace: (plan) => (plan?.appliedBy ? 'ended' : 'idle'),
    enabled,
  });

/** All items. While the rest of a large plan comes, there are none. */
export function usePlanItems(tenant: string, run: string, head: Plan | undefined): UseQueryResult<PlanItem[]> {
  const next = head?.nextPageToken;
  return useQuery({
    queryKey: keys.of(tenant, 'plan-items', run, head?.digest ?? ''),
    queryFn: async ({ signal }) => {
      const first = head?.items ?? [];
      if (!next) return first;
      let begin: string | undefined = next;
      const rest = await all((token) => {
        const from: string | undefined = token ?? begin;
        begin = undefined;
        return page(tenant, run, from, signal);
      });
      return [...first, ...rest];
    },
    enabled: head !== undefined,
    staleTime: Infinity,
  });
}

const documentOf = (item: PlanItem): string => item.detail?.split('/').at(-1) ?? '';

const detailQuery = (tenant: string, run: string, item: PlanItem) => ({
  queryKey: keys.of(tenant, 'plan-detail', run, item.key),
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    exact<PlanDetail>(
      api.GET('/v1/tenants/{tenant}/runs/{run}/plan/{document}', { params: { path: { tenant, run, document: documentOf(item) } }, parseAs: 'text', signal }),
    ),
  staleTime: Infinity,
});

export const usePlanDetail = (tenant: string, run: string, item: PlanItem, enabled: boolean): UseQueryResult<PlanDetail> =>
  useQuery({ ...detailQuery(tenant, run, item), enabled: enabled && Boolean(item.detail) });

/** Reads the details of items, a few at a time: those that were read before cost nothing. */
export function useDetails(tenant: string, run: string) {
  const client = useQueryClient();
  return useCallback(
    async (items: PlanItem[], progress?: (done: number) => void, stop?: () => boolean): Promise<Map<string, PlanDetail>> => {
      const found = new Map<string, PlanDetail>();
      const left = items.filter((i) => i.detail);
      let done = 0;
      const work = async () => {
        for (let item = left.shift(); item && !stop?.(); item = left.shift()) {
          const detail = await client.fetchQuery(detailQuery(tenant, run, item)).catch(() => null);
          if (detail) found.set(item.key, detail);
          progress?.(++done);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, work));
      return found;
    },
    [client, tenant, run],
  );
}

/** The details of these items once they are wanted, as they come. */
export function useWanted(tenant: string, run: string, items: PlanItem[], wanted: boolean): { found: Map<string, PlanDetail>; done: number; total: number } {
  const read = useDetails(tenant, run);
  const [state, setState] = useState<{ found: Map<string, PlanDetail>; done: number }>({ found: new Map(), done: 0 });
  const ids = items.map((i) => i.key).join(' ');
  useEffect(() => {
    if (!wanted) return undefined;
    let over = false;
    const step = Math.max(1, Math.floor(items.length / 10));
    void read(
      items,
      (done) => {
        if (!over && done % step === 0) setState((was) => ({ ...was, done }));
      },
      () => over,
    ).then((found) => {
      if (!over) setState({ found, done: items.length });
    });
    return () => {
      over = true;
    };
    // The items themselves are new objects each time; their keys say whether they changed.
  }, [ids, wanted, read]);
  return { ...state, total: items.length };
}
