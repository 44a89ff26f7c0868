// A version with its content. It never changes, so it is read once; its text is
// kept as it came, since numbers in it must show to the digit.
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { parseExact } from '../../api/exact';
import { cut, indent } from '../../api/json-text';
import { keys } from '../../api/keys';
import type { PolicyVersion } from '../../api/types';

export interface VersionText {
  version: PolicyVersion;
  /** Indented, character by character as it was captured. */
  raw: string;
  content: unknown;
}

export const useVersion = (tenant: string, policy: string, number: number): UseQueryResult<VersionText> =>
  useQuery({
    queryKey: keys.of(tenant, 'version', policy, number),
    queryFn: async ({ signal }) => {
      const text = await data<string>(
        api.GET('/v1/tenants/{tenant}/policies/{policy}/versions/{number}', { params: { path: { tenant, policy, number } }, parseAs: 'text', signal }),
      );
      const { value, rest } = cut(text, 'content');
      return { version: rest as unknown as PolicyVersion, raw: indent(value), content: parseExact(value) };
    },
    enabled: number > 0,
    staleTime: Infinity,
    gcTime: 60_000,
  });
