// Asks before something is written to a tenant: its name is typed and a reason given.
// The button carries what will be done; pressed early, it goes to what is missing.
import { Field, Input } from '@fluentui/react-components';
import { useRef, useState, type ReactNode } from 'react';
import { common as t } from '../texts';
import { ConfirmDialog } from './ConfirmDialog';

const LONGEST_REASON = 500;

export interface TenantConfirmDialogProps {
  open: boolean;
  title: ReactNode;
  tenantName: string;
  confirm: string;
  back?: string;
  children: ReactNode;
  /** Starts it. key is the same for every attempt while the dialog is open. */
  onConfirm: (typed: { tenantName: string; reason: string; key: string }) => Promise<unknown>;
  onClose: () => void;
}

export function TenantConfirmDialog({ open, title, tenantName, confirm, back, children, onConfirm, onClose }: TenantConfirmDialogProps) {
  const [name, setName] = useState('');
  const [reason, setReason] = useState('');
  const [asked, setAsked] = useState(false);
  const nameInput = useRef<HTMLInputElement>(null);
  const reasonInput = useRef<HTMLInputElement>(null);
  const key = useRef(crypto.randomUUID());
  const wrong = name.trim() !== tenantName.trim();
  const silent = reason.trim() === '';
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
      title={title}
      confirm={confirm}
      cancel={back}
      missing={() => {
        setAsked(true);
        return wrong ? nameInput.current : silent ? reasonInput.current : null;
      }}
      onConfirm={() => onConfirm({ tenantName: name.trim(), reason: reason.trim(), key: key.current })}
      onClose={close}
    >
      {children}
      <Field label={t.typeTenant} required {...(asked && wrong ? { validationState: 'error', validationMessage: t.typeTenantExactly } : {})}>
        <Input ref={nameInput} value={name} autoComplete="off" onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label={t.reasonKept} required {...(asked && silent ? { validationState: 'error', validationMessage: t.reasonMissing } : {})}>
        <Input ref={reasonInput} value={reason} maxLength={LONGEST_REASON} autoComplete="off" onChange={(_, d) => setReason(d.value)} />
      </Field>
    </ConfirmDialog>
  );
}
