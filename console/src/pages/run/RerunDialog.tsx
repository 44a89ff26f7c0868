// Asks before items of a live restore are done again: it writes to the tenant, so the
// tenant's name is typed and a reason given.
import { Field, Input } from '@fluentui/react-components';
import { useRef, useState } from 'react';
import { api } from '../../api/client';
import { start } from '../../api/start';
import type { Run } from '../../api/types';
import { follow } from '../../shell/activity';
import { run as t } from '../../texts';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { Name } from '../../ui/text';

const LONGEST_REASON = 500;

export function RerunDialog({ open, run, items, onClose, onStarted }: { open: boolean; run: Run; items: number; onClose: () => void; onStarted: (run: Run) => void }) {
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const nameInput = useRef<HTMLInputElement>(null);
  const reasonInput = useRef<HTMLInputElement>(null);
  // One key for this dialog: a start whose answer was lost is not a second one.
  const key = useRef(crypto.randomUUID());
  const wrong = name.trim() !== run.tenantName.trim();
  const close = () => {
    setName('');
    setReason('');
    setAsked(false);
    key.current = crypto.randomUUID();
    onClose();
  };
  return (
    <ConfirmDialog
      open={open}
      title={t.rerunTitle(items, run.tenantName)}
      confirm={t.rerunButton(items)}
      missing={() => {
        setAsked(true);
        return wrong ? nameInput.current : reason.trim() === '' ? reasonInput.current : null;
      }}
      onConfirm={async () => {
        const next = await start<Run>(
          (k) =>
            api.POST('/v1/tenants/{tenant}/runs/{run}/reruns', {
              params: { path: { tenant: run.tenantId, run: run.id }, header: { 'Idempotency-Key': k } },
              body: { which: 'failed', tenantName: name.trim(), reason: reason.trim() },
            }),
          key.current,
        );
        follow(next);
        onStarted(next);
      }}
      onClose={close}
    >
      <p>
        <Name as="whole">{run.tenantName}</Name>. {t.rerunText}
      </p>
      <Field label={t.typeName} required {...(asked && wrong ? { validationState: 'error', validationMessage: t.nameMissing } : {})}>
        <Input ref={nameInput} value={name} autoComplete="off" onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label={t.reason} required {...(asked && reason.trim() === '' ? { validationState: 'error', validationMessage: t.reasonMissing } : {})}>
        <Input ref={reasonInput} value={reason} maxLength={LONGEST_REASON} onChange={(_, d) => setReason(d.value)} />
      </Field>
    </ConfirmDialog>
  );
}
