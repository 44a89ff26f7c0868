// How a run that did not succeed is started once more, where that needs nothing but a
// click. Backup sets are gone on with on their own page; a live restore only from its plan.
import { api } from '../../api/client';
import type { start } from '../../api/start';
import type { Role, Run } from '../../api/types';

interface Again {
  need: Role;
  ask: Parameters<typeof start<Run>>[0];
}

export function startAgain(run: Run): Again | null {
  const path = { tenant: run.tenantId };
  const params = (key: string) => ({ path, header: { 'Idempotency-Key': key } });
  switch (run.operation) {
    case 'connection.test':
      return { need: 'operator', ask: (key) => api.POST('/v1/tenants/{tenant}/connection-tests', { params: params(key), body: {} }) };
    case 'inventory.sync':
      return { need: 'operator', ask: (key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: params(key), body: {} }) };
    case 'policy.capture_snapshot':
      if (run.target.kind !== 'policy') return null;
      return {
        need: 'operator',
        ask: (key) => api.POST('/v1/tenants/{tenant}/policies/{policy}/snapshots', { params: { path: { ...path, policy: run.target.id }, header: { 'Idempotency-Key': key } }, body: {} }),
      };
  }
  return null;
}
