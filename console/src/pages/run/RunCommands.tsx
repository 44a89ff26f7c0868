// What can be done with a run: cancel it, do again what did not succeed, undo what
// was written, start the same again; and the ways to its plan, set and audit trail.
import { Button } from '@fluentui/react-components';
import { ArrowUndo20Regular, ClipboardTaskListLtr20Regular, DocumentText20Regular, RecordStop20Regular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { api, data } from '../../api/client';
import type { Role, Run } from '../../api/types';
import { useTenant } from '../../shell/tenant';
import { common, run as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { LiveDialog } from '../../ui/LiveDialog';
import { includes, RunStartButton } from '../../ui/RunStartButton';
import { isTerminal } from '../../ui/status';
import { CopyLink, writes } from './RunPage';
import { runKey } from './useRun';
import s from './run.module.css';

export function RunCommands({ run, role }: { run: Run; role: Role | undefined }) {
  const navigate = useNavigate();
  const tenant = run.tenantId;
  const ended = isTerminal(run);
  const { cancel, rerun, undo } = run.can ?? {};
  const openRun = (next: Run) => void navigate({ to: '/t/$tenant/runs/$run', params: { tenant, run: next.id } });
  const openPlan = (next: Run) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant, run: next.id } });
  const planRun = run.operation === 'restore.preview' ? run.id : run.related?.find((r) => r.kind === 'plan')?.id;
  const preview = run.operation === 'restore.preview';
  const failed = run.status === 'failed' || run.status === 'canceled' || run.status === 'partial';
  const again = ended && failed && !rerun ? <StartAgain run={run} role={role} onStarted={preview ? openPlan : openRun} /> : null;
  return (
    <div className={s.tools}>
      {cancel && !ended ? <Cancel run={run} role={role} need={cancel.role} /> : null}
      {preview && ended && run.status !== 'failed' && run.status !== 'canceled' ? (
        <CommandLink to="/t/$tenant/runs/$run/plan" params={{ tenant, run: run.id }} primary>
          {t.openPlan}
        </CommandLink>
      ) : null}
      {rerun ? <Rerun run={run} role={role} need={rerun.role} items={rerun.items} onStarted={openRun} /> : null}
      {again}
      {undo ? (
        <RunStartButton
          role={role}
          need={undo.role}
          primary={run.status === 'succeeded'}
          icon={<ArrowUndo20Regular />}
          onStarted={openPlan}
          ask={(key) => api.POST('/v1/tenants/{tenant}/previews', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: { undoOf: run.id } })}
        >
          {t.undo}
        </RunStartButton>
      ) : null}
      {run.target.kind === 'backup_set' ? (
        <CommandLink to="/t/$tenant/sets/$set" params={{ tenant, set: run.target.id }} primary={run.status === 'succeeded' && run.operation.startsWith('backup_set.')}>
          {t.viewSet}
        </CommandLink>
      ) : null}
      {run.target.kind === 'policy' ? (
        <CommandLink to="/t/$tenant/policies/$policy" params={{ tenant, policy: run.target.id }} primary={run.status === 'succeeded' && run.operation === 'policy.capture_snapshot'}>
          {t.viewPolicy}
        </CommandLink>
      ) : null}
      {planRun && !preview ? (
        <CommandLink to="/t/$tenant/runs/$run/plan" params={{ tenant, run: planRun }} subtle icon={<DocumentText20Regular />}>
          {t.plan}
        </CommandLink>
      ) : null}
      <CopyLink />
      <CommandLink to="/t/$tenant/audit" params={{ tenant }} search={{ run: run.id }} subtle icon={<ClipboardTaskListLtr20Regular />}>
        {t.audit}
      </CommandLink>
    </div>
  );
}

function Cancel({ run, role, need }: { run: Run; role: Role | undefined; need: Role }) {
  const [open, setOpen] = useState(false);
  const client = useQueryClient();
  const asked = Boolean(run.cancelAt);
  return (
    <>
      <ForRole role={role} need={need} label={t.cancel}>
        <Button icon={<RecordStop20Regular />} disabledFocusable={asked} onClick={() => !asked && setOpen(true)}>
          {asked ? t.canceling : t.cancel}
        </Button>
      </ForRole>
      <ConfirmDialog
        open={open}
        title={t.cancelTitle}
        confirm={t.cancel}
        cancel={t.keepRunning}
        onClose={() => setOpen(false)}
        onConfirm={async () => {
          const now = await data(api.POST('/v1/tenants/{tenant}/runs/{run}/cancel', { params: { path: { tenant: run.tenantId, run: run.id } } }));
          client.setQueryData<Run>(runKey(run.tenantId, run.id), (before) => ({ ...before, ...now }));
        }}
      >
        <p>{t.cancelText}</p>
        {writes(run) ? <p>{t.cancelWrites}</p> : null}
      </ConfirmDialog>
    </>
  );
}

function Rerun({ run, role, need, items, onStarted }: { run: Run; role: Role | undefined; need: Role; items: number | undefined; onStarted: (run: Run) => void }) {
  const [open, setOpen] = useState(false);
  const tenant = useTenant();
  const n = items ?? run.counts.failed + run.counts.skipped;
  const planRun = run.related?.find((r) => r.kind === 'plan')?.id;
  return (
    <>
      <ForRole role={role} need={need} label={t.rerun(items, run.status === 'canceled')}>
        <Button appearance="primary" onClick={() => setOpen(true)}>
          {t.rerun(items, run.status === 'canceled')}
        </Button>
      </ForRole>
      <LiveDialog
        open={open}
        title={t.rerunTitle(n, tenant?.name ?? run.tenantName, '')}
        tenantName={tenant?.name ?? run.tenantName}
        confirm={t.rerunDo(n)}
        cancel={common.cancel}
        ask={(key, given) =>
          api.POST('/v1/tenants/{tenant}/runs/{run}/reruns', {
            params: { path: { tenant: run.tenantId, run: run.id }, header: { 'Idempotency-Key': key } },
            body: { which: 'failed', ...given },
          })
        }
        onStarted={onStarted}
        onClose={() => setOpen(false)}
        stale={
          planRun ? (
            <CommandLink to="/t/$tenant/runs/$run/plan" params={{ tenant: run.tenantId, run: planRun }}>
              {t.openPlan}
            </CommandLink>
          ) : null
        }
      >
        <p>{t.rerunText}</p>
      </LiveDialog>
    </>
  );
}

/** Starts the same again, as far as the run says what it was. */
function StartAgain({ run, role, onStarted }: { run: Run; role: Role | undefined; onStarted: (run: Run) => void }): ReactNode {
  const path = { tenant: run.tenantId };
  const target = run.target.id;
  const undoOf = run.related?.find((r) => r.kind === 'undo_of')?.id;
  const common = { role, need: 'operator' as const, onStarted, primary: run.status !== 'partial' };
  const header = (key: string) => ({ 'Idempotency-Key': key });
  switch (run.operation) {
    case 'inventory.sync':
      return (
        <RunStartButton {...common} ask={(key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: { path, header: header(key) }, body: {} })}>
          {t.again}
        </RunStartButton>
      );
    case 'connection.test':
      return (
        <RunStartButton {...common} need="owner" ask={(key) => api.POST('/v1/tenants/{tenant}/connection-tests', { params: { path, header: header(key) } })}>
          {t.again}
        </RunStartButton>
      );
    case 'policy.capture_snapshot':
      if (run.target.kind !== 'policy') return null;
      return (
        <RunStartButton {...common} ask={(key) => api.POST('/v1/tenants/{tenant}/policies/{policy}/snapshots', { params: { path: { ...path, policy: target }, header: header(key) } })}>
          {t.again}
        </RunStartButton>
      );
    case 'backup_set.create':
    case 'backup_set.add_policies':
      return (
        <RunStartButton
          {...common}
          ask={(key) =>
            api.POST('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path: { ...path, set: target }, header: header(key) }, body: { selection: { missing: true } } })
          }
        >
          {t.captureMissing}
        </RunStartButton>
      );
    case 'restore.preview':
      if (undoOf) {
        return (
          <RunStartButton {...common} ask={(key) => api.POST('/v1/tenants/{tenant}/previews', { params: { path, header: header(key) }, body: { undoOf } })}>
            {t.previewAgain}
          </RunStartButton>
        );
      }
      if (run.target.kind === 'tenant') return null;
      return (
        <ForRole role={role} need="operator" label={t.previewAgain}>
          <CommandLink to="/t/$tenant/restore" params={path} search={run.target.kind === 'backup_set' ? { set: target } : { policy: target }} primary={includes(role, 'operator')}>
            {t.previewAgain}
          </CommandLink>
        </ForRole>
      );
    case 'restore.execute':
    case 'restore.rerun': {
      // The plan is too old to be applied once more: a new one says what is left to do.
      const plan = run.related?.find((r) => r.kind === 'plan')?.id;
      if (!plan) return null;
      return (
        <CommandLink to="/t/$tenant/runs/$run/plan" params={{ ...path, run: plan }}>
          {t.previewAgain}
        </CommandLink>
      );
    }
    default:
      return null;
  }
}
