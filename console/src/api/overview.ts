// What a tenant's first page knows of it; other pages take figures from it.
import type { UseQueryResult } from '@tanstack/react-query';
import { usePolled } from '../poll/usePolled';
import { api, data } from './client';
import { keys } from './keys';
import type { Overview } from './types';

export const useOverview = (tenant: string): UseQueryResult<Overview> =>
  usePolled<Overview>({
    key: keys.of(tenant, 'overview'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/overview', { params: { path: { tenant } }, signal })),
    pace: (o) => (o?.activeRunCount ? 'active' : 'idle'),
  });
