// The start page is the only tenant, or the one that was open last, or the choice.
import { Navigate } from '@tanstack/react-router';
import { currentChoices } from '../../shell/store';
import { useMemberships } from '../../shell/tenant';
import { common as t } from '../../texts';
import { Loaded, Page } from '../../ui/Page';

export function HomePage() {
  const memberships = useMemberships();
  if (!memberships.data) {
    return (
      <Page title={t.product}>
        <Loaded query={memberships}>{() => null}</Loaded>
      </Page>
    );
  }
  const last = memberships.data.find((m) => m.id === currentChoices().lastTenant);
  const only = memberships.data.length === 1 ? memberships.data[0] : last;
  return only ? <Navigate to="/t/$tenant" params={{ tenant: only.id }} replace /> : <Navigate to="/tenants" replace />;
}
