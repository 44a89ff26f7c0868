// The tenant of the page, the person, and the tenants that may be opened.
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { useParams } from '@tanstack/react-router';
import { all, api, data } from '../api/client';
import { keys } from '../api/keys';
import type { Me, Membership } from '../api/types';

export const useMe = (): UseQueryResult<Me> =>
  useQuery({ queryKey: keys.me, queryFn: ({ signal }) => data(api.GET('/v1/me', { signal })), staleTime: Infinity });

/** Every tenant that one may open, by name. */
export const useMemberships = (): UseQueryResult<Membership[]> =>
  useQuery({
    queryKey: keys.memberships,
    queryFn: async ({ signal }) => {
      const items = await all((pageToken) => data(api.GET('/v1/tenants', { params: { query: { pageSize: 200, pageToken } }, signal })));
      return items.sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    },
    staleTime: 5 * 60_000,
  });

/** The id in the address, or "" on a page of no tenant. */
export const useTenantId = (): string => useParams({ strict: false, select: (p) => (p as { tenant?: string }).tenant ?? '' });

/** The tenant of the page, if one may open it. */
export function useTenant(): Membership | undefined {
  const id = useTenantId();
  return useMemberships().data?.find((m) => m.id === id);
}

export const useTenantName = (): string => useTenant()?.name ?? '';
