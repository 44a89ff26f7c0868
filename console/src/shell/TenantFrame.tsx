// Pages of one tenant: they are shown to its members. Everybody else gets the
// API's own answer, which is the same for a foreign tenant and one that does not
// exist.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Outlet } from '@tanstack/react-router';
import { useEffect } from 'react';
import { api, data } from '../api/client';
import { keys } from '../api/keys';
import { common as t } from '../texts';
import { Loaded, Page, Skeleton } from '../ui/Page';
import { choose, currentChoices } from './store';
import { useMemberships, useTenantId } from './tenant';

const RECENT = 5;

export function TenantFrame() {
  const id = useTenantId();
  const memberships = useMemberships();
  const known = memberships.data?.some((m) => m.id === id) ?? false;
  useEffect(() => {
    if (!known) return;
    const { recents } = currentChoices();
    if (recents[0] !== id) choose({ recents: [id, ...recents.filter((r) => r !== id)].slice(0, RECENT), lastTenant: id });
    else choose({ lastTenant: id });
  }, [id, known]);
  if (known) return <Outlet />;
  if (memberships.isPending) return <Skeleton />;
  if (memberships.isError) {
    return (
      <Page title={t.forbiddenTitle}>
        <Loaded query={memberships}>{() => null}</Loaded>
      </Page>
    );
  }
  return <Foreign key={id} id={id} />;
}

function Foreign({ id }: { id: string }) {
  const client = useQueryClient();
  const query = useQuery({ queryKey: keys.tenant(id), queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}', { params: { path: { tenant: id } }, signal })) });
  // Added as a member meanwhile: the list of tenants is old.
  useEffect(() => {
    if (query.data) void client.invalidateQueries({ queryKey: keys.memberships });
  }, [client, query.data]);
  return (
    <Page title={t.forbiddenTitle}>
      <Loaded query={query}>{() => null}</Loaded>
    </Page>
  );
}
