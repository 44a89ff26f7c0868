// What a person gives before something is written to a tenant: its name, typed
// exactly, and a reason. Pressed too early, the button goes to the field that lacks.
// One press is one start: a lost answer is repeated with the same key.
import { Field, Input, Textarea } from '@fluentui/react-components';
import { useRef, useState, type ReactNode } from 'react';
import { start } from '../api/start';
import { ApiProblem } from '../api/problem';
import type { Run } from '../api/types';
import { follow, plainTitle } from '../shell/activity';
import { announce } from '../shell/announce';
import { common as t } from '../texts';
import { ConfirmDialog } from './ConfirmDialog';
import { RunLink } from './links';

export interface Confirmed {
  tenantName: string;
  reason: string;
}

export interface LiveDialogProps {
  open: boolean;
  title: ReactNode;
  /** The tenant's name as it has to be typed. */
  tenantName: string;
  /** What the button does, with its exact count. */
  confirm: string;
  cancel: string;
  children: ReactNode;
  /** What is missing beside name and reason. */
  missing?: () => HTMLElement | null;
  ask: (key: string, given: Confirmed) => Parameters<typeof start<Run>>[0] extends (key: string) => infer A ? A : never;
  onStarted: (run: Run) => void;
  onClose: () => void;
  /** The way on when the plan cannot be applied any more. */
  stale?: ReactNode;
}

const GONE = ['plan_stale', 'plan_digest_mismatch', 'plan_used', 'selection_empty'];

export function LiveDialog({ open, title, tenantName, confirm, cancel, children, missing, ask, onStarted, onClose, stale }: LiveDialogProps) {
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const [pressed, setPressed] = useState(false);
  const nameField = useRef<HTMLInputElement>(null);
  const reasonField = useRef<HTMLTextAreaElement>(null);
  const sent = useRef({ key: '', given: '' });
  const right = name.trim() === tenantName.trim();
  const close = () => {
    // Confirmations are given anew each time.
    setName('');
    setReason('');
    setPressed(false);
    sent.current = { key: '', given: '' };
    onClose();
  };
  const help = (error: unknown) => {
    if (!(error instanceof ApiProblem)) return null;
    const other = error.activeRun ?? error.run;
    const at = /^\/v1\/tenants\/([^/]+)\/runs\/([^/]+)$/.exec(other?.href ?? '');
    return (
      <>
        {at ? <RunLink run={{ tenantId: at[1] as string, id: at[2] as string }}>{t.viewIt}</RunLink> : null}
        {GONE.includes(error.code) ? stale : null}
      </>
    );
  };
  return (
    <ConfirmDialog
      open={open}
      title={title}
      confirm={confirm}
      cancel={cancel}
      help={help}
      missing={() => {
        setPressed(true);
        if (!right) return nameField.current;
        if (!reason.trim()) return reasonField.current;
        return missing?.() ?? null;
      }}
      onConfirm={async () => {
        const given = { tenantName: name.trim(), reason: reason.trim() };
        // A press after a lost answer means the same start, as long as it says the same.
        const words = JSON.stringify(given);
        if (sent.current.given !== words) sent.current = { key: crypto.randomUUID(), given: words };
        let run: Run;
        try {
          run = await start<Run>((key) => ask(key, given), sent.current.key);
        } catch (error) {
          if (!(error instanceof ApiProblem && error.lost)) sent.current = { key: '', given: '' };
          throw error;
        }
        sent.current = { key: '', given: '' };
        follow(run);
        announce(`${plainTitle(run)}: ${run.reused ? t.reused : t.queued}`);
        onStarted(run);
      }}
      onClose={close}
    >
      {children}
      <Field
        label={<>{t.typeTenant} <bdi>{tenantName}</bdi></>}
        required
        validationState={pressed && !right ? 'error' : 'none'}
        validationMessage={pressed && !right ? t.typeTenantWrong : undefined}
      >
        <Input ref={nameField} value={name} maxLength={300} autoComplete="off" spellCheck={false} onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label={t.reasonLabel} required validationState={pressed && !reason.trim() ? 'error' : 'none'} validationMessage={pressed && !reason.trim() ? t.reasonMissing : undefined}>
        <Textarea ref={reasonField} value={reason} maxLength={500} onChange={(_, d) => setReason(d.value)} />
      </Field>
    </ConfirmDialog>
  );
}
