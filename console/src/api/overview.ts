// What a tenant's first page knows of it; other pages take figures from it.
import { useEffect } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { askNow, usePolled } from '../poll/usePolled';
import { useActivity } from '../shell/activity';
import { api, data } from './client';
import { keys } from './keys';
import type { Overview } from './types';

/** The figures of a tenant. While one's own runs are under way there, the pace is that of runs. */
export function useOverview(tenant: string): UseQueryResult<Overview> {
  const mine = useActivity().some((r) => r.tenantId === tenant && (r.status === 'queued' || r.status === 'running'));
  const query = usePolled<Overview>({
    key: keys.of(tenant, 'overview'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/overview', { params: { path: { tenant } }, signal })),
    pace: (o) => (o?.activeRunCount || mine ? 'active' : 'idle'),
  });
  useEffect(() => {
    if (mine) askNow(keys.of(tenant, 'overview'));
  }, [mine, tenant]);
  return query;
}
