// Asks before items of a live restore are done again: it writes to the tenant.
import { api } from '../../api/client';
import { start } from '../../api/start';
import type { Run } from '../../api/types';
import { follow } from '../../shell/activity';
import { run as t } from '../../texts';
import { Name } from '../../ui/text';
import { TenantConfirmDialog } from '../../ui/TenantConfirmDialog';

export function RerunDialog({ open, run, items, onClose, onStarted }: { open: boolean; run: Run; items: number; onClose: () => void; onStarted: (run: Run) => void }) {
  return (
    <TenantConfirmDialog
      open={open}
      title={t.rerunTitle(items)}
      tenantName={run.tenantName}
      confirm={t.rerunButton(items)}
      onClose={onClose}
      onConfirm={async ({ tenantName, reason, key }) => {
        const params = { path: { tenant: run.tenantId, run: run.id } };
        const next = await start<Run>(
          (k) => api.POST('/v1/tenants/{tenant}/runs/{run}/reruns', { params: { ...params, header: { 'Idempotency-Key': k } }, body: { which: 'failed', tenantName, reason } }),
          key,
        );
        follow(next);
        onStarted(next);
      }}
    >
      <p>
        <Name as="whole">{run.tenantName}</Name>
      </p>
      <p>{t.rerunText}</p>
    </TenantConfirmDialog>
  );
}
