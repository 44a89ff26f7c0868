// The last question before a tenant is written to: exact counts, warnings, the name
// of the tenant and a reason; what an undo deletes has a check mark of its own.
import { useRef, useState, type ReactNode } from 'react';
import { api } from '../../api/client';
import { MOST_NAMED } from '../../api/limits';
import type { Plan, PlanItem, Run } from '../../api/types';
import { useTenant } from '../../shell/tenant';
import { plan as t } from '../../texts';
import { LiveDialog } from '../../ui/LiveDialog';
import { Sentence } from '../../ui/links';
import { StatusIcon } from '../../ui/status';
import { reasonWords } from '../run/reasons';
import { writesOf } from './PlanObject';
import s from './plan.module.css';


export const warningWords = (code: string, n: number): string => t.warning[code]?.(n) ?? t.otherWarning(reasonWords(code), n);

export interface RestoreDialogProps {
  open: boolean;
  run: Run;
  plan: Plan;
  items: PlanItem[];
  selected: PlanItem[];
  deletes: boolean;
  undo: boolean;
  onClose: () => void;
  onStarted: (run: Run) => void;
  previewAgain: ReactNode;
}

export function RestoreDialog({ open, run, plan, items, selected, deletes, undo, onClose, onStarted, previewAgain }: RestoreDialogProps) {
  const tenant = useTenant();
  const [sure, setSure] = useState(false);
  const [pressed, setPressed] = useState(false);
  const box = useRef<HTMLInputElement>(null);
  const n = selected.length;
  const of = (action: string) => selected.filter((i) => i.action === action).length;
  const deleted = of('delete');
  const chosen = new Set(selected.map((i) => i.key));
  const left = items.filter((i) => writesOf(i) && (i.action !== 'delete' || deletes) && !chosen.has(i.key)).map((i) => i.key);
  const warnings = new Map<string, number>();
  for (const i of selected) for (const w of i.warnings ?? []) warnings.set(w.code, (warnings.get(w.code) ?? 0) + 1);
  const close = () => {
    setSure(false);
    setPressed(false);
    onClose();
  };
  return (
    <LiveDialog
      open={open}
      title={<Sentence text={undo ? t.undoDialog(n, plan.tenantName) : t.dialog(n, plan.tenantName)} names={[plan.tenantName]} />}
      tenantName={plan.tenantName}
      confirm={undo ? t.confirmUndo(n) : t.confirmRestore(n)}
      cancel={t.back}
      missing={() => {
        setPressed(true);
        return deleted > 0 && !sure ? box.current : null;
      }}
      ask={(key, given) =>
        api.POST('/v1/tenants/{tenant}/restores', {
          params: { path: { tenant: run.tenantId }, header: { 'Idempotency-Key': key } },
          body: {
            ...given,
            planRunId: run.id,
            planDigest: plan.digest ?? '',
            deletes: deleted > 0,
            ...(left.length === 0 ? {} : left.length <= MOST_NAMED ? { except: left } : { items: selected.map((i) => i.key) }),
          },
        })
      }
      onStarted={onStarted}
      onClose={close}
      stale={previewAgain}
    >
      <p>{t.dialogSentence(of('create'), of('update'), deleted, items.length - n, items.length)}</p>
      {tenant ? (
        <p className={s.quiet}>
          {t.tenantId} <code>{tenant.graphTenantId}</code>
        </p>
      ) : null}
      {warnings.size > 0 ? (
        <ul>
          {[...warnings].map(([code, count]) => (
            <li key={code} className={s.delete}>
              <StatusIcon status="warning" />
              {warningWords(code, count)}
            </li>
          ))}
        </ul>
      ) : null}
      {deleted > 0 ? (
        <label className={s.delete}>
          <input ref={box} type="checkbox" checked={sure} aria-invalid={pressed && !sure} onChange={(e) => setSure(e.target.checked)} />
          <span>
            {t.confirmDeletes(deleted)}
            {pressed && !sure ? <span className={s.quiet}>{t.confirmDeletesMissing}</span> : null}
          </span>
        </label>
      ) : null}
    </LiveDialog>
  );
}
