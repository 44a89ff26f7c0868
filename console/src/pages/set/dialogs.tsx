// The dialogs of a backup set: rename, delete with its name typed, add policies.
import { Field, Input, Textarea } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { start } from '../../api/start';
import type { BackupSet, Policy, Run } from '../../api/types';
import { follow } from '../../shell/activity';
import { announce } from '../../shell/announce';
import { common, set as t } from '../../texts';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { PolicyPicker } from '../../ui/PolicyPicker';
import { useMarks } from '../../ui/useMarks';
import s from './set.module.css';

interface DialogProps {
  set: BackupSet;
  tag: string;
  open: boolean;
  onClose: () => void;
}

export function RenameDialog({ set, tag, open, onClose }: DialogProps) {
  const client = useQueryClient();
  const [name, setName] = useState(set.name);
  const [note, setNote] = useState(set.note ?? '');
  const field = useRef<HTMLInputElement>(null);
  return (
    <ConfirmDialog
      open={open}
      title={t.renameTitle}
      confirm={t.save}
      missing={() => (name.trim() ? null : field.current)}
      onClose={onClose}
      onConfirm={async () => {
        await data(
          api.PATCH('/v1/tenants/{tenant}/backup-sets/{set}', {
            params: { path: { tenant: set.tenantId, set: set.id }, header: { 'If-Match': tag } },
            body: { name: name.trim(), note: note.trim() },
          }),
        );
        await client.invalidateQueries({ queryKey: keys.tenant(set.tenantId) });
      }}
    >
      <Field label={t.name} required>
        <Input ref={field} value={name} maxLength={200} onChange={(_, d) => setName(d.value)} />
      </Field>
      <Field label={t.note}>
        <Textarea value={note} maxLength={2000} onChange={(_, d) => setNote(d.value)} />
      </Field>
    </ConfirmDialog>
  );
}

export function DeleteDialog({ set, tag, open, onClose }: DialogProps) {
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const [wrong, setWrong] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const right = typed.trim() === set.name;
  return (
    <ConfirmDialog
      open={open}
      title={t.deleteTitle}
      confirm={t.deleteDo}
      missing={() => {
        if (right) return null;
        setWrong(true);
        return field.current;
      }}
      onClose={() => {
        setTyped('');
        setWrong(false);
        onClose();
      }}
      onConfirm={async () => {
        await data(
          api.DELETE('/v1/tenants/{tenant}/backup-sets/{set}', {
            params: { path: { tenant: set.tenantId, set: set.id }, query: { confirm: typed.trim() }, header: { 'If-Match': tag } },
          }),
        );
        announce(t.deleted);
        await client.invalidateQueries({ queryKey: keys.tenant(set.tenantId) });
      }}
    >
      <p>
        <bdi>{set.name}</bdi>
      </p>
      <p>{t.deleteText}</p>
      <Field label={t.deleteType} validationMessage={wrong && !right ? t.deleteWrong : undefined}>
        <Input ref={field} value={typed} autoComplete="off" onChange={(_, d) => setTyped(d.value)} />
      </Field>
    </ConfirmDialog>
  );
}

export function AddDialog({ set, open, onClose, onStarted }: Omit<DialogProps, 'tag'> & { onStarted: (run: Run) => void }) {
  const [filter, setFilter] = useState<{ q?: string; type?: string[] }>({});
  const { marks, ids, select, clear } = useMarks<Policy>(`add ${set.id}`);
  const key = useRef('');
  const body = useRef<HTMLDivElement>(null);
  const close = () => {
    key.current = '';
    clear();
    onClose();
  };
  return (
    <ConfirmDialog
      open={open}
      title={t.addTitle}
      confirm={t.addDo(marks.size)}
      missing={() => (marks.size > 0 ? null : (body.current?.querySelector('input') ?? null))}
      onClose={close}
      onConfirm={async () => {
        key.current ||= crypto.randomUUID();
        const run = await start<Run>(
          (id) =>
            api.POST('/v1/tenants/{tenant}/backup-sets/{set}/items', {
              params: { path: { tenant: set.tenantId, set: set.id }, header: { 'Idempotency-Key': id } },
              body: { selection: { policies: [...marks.keys()] }, includeFoundations: set.includeFoundations },
            }),
          key.current,
        );
        follow(run);
        announce(common.queued);
        onStarted(run);
      }}
    >
      <div ref={body} className={s.addBody}>
        <p>{t.addHint}</p>
        <PolicyPicker
          tenant={set.tenantId}
          q={filter.q}
          type={filter.type}
          onFilter={(change) => setFilter(change)}
          chosen={ids}
          onChoose={(next, rows) => {
            key.current = '';
            select(next, rows, (p) => p.id);
          }}
          pageSize={10}
        />
      </div>
    </ConfirmDialog>
  );
}
