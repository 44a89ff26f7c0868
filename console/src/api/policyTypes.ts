// The policy types with how many policies the tenant has of each. They are the same
// for all pages of a tenant, and change with a sync.
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { api, data } from './client';
import { keys } from './keys';
import type { components } from './schema';

export type TypeOfTenant = components['schemas']['TenantPolicyTypeView'];
export type TypesOfTenant = components['schemas']['TenantPolicyTypes'];

export const usePolicyTypes = (tenant: string): UseQueryResult<TypesOfTenant> =>
  useQuery({
    queryKey: keys.of(tenant, 'policy-types'),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policy-types', { params: { path: { tenant } }, signal })),
    staleTime: 60_000,
  });
