// A tenant at a glance.
import { getRouteApi } from '@tanstack/react-router';
import { api } from '../../api/client';
import { useTenant } from '../../shell/tenant';
import { overview as t } from '../../texts';
import { Page } from '../../ui/Page';
import { RunStartButton } from '../../ui/RunStartButton';

const route = getRouteApi('/shell/t/$tenant/');

export function OverviewPage() {
  const { tenant: id } = route.useParams();
  const tenant = useTenant();
  return (
    <Page
      title={tenant?.name ?? t.title}
      commands={
        <RunStartButton
          role={tenant?.role}
          need="operator"
          ask={(key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: { path: { tenant: id }, header: { 'Idempotency-Key': key } }, body: {} })}
        >
          {t.syncInventory}
        </RunStartButton>
      }
    />
  );
}
