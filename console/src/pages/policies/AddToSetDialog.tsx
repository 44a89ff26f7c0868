// Puts policies into a backup set: a new one, whose page takes over, or one that
// exists, which captures them by a run.
import { Field, Select } from '@fluentui/react-components';
import { useRef, useState, type ReactNode } from 'react';
import { useQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { start } from '../../api/start';
import type { Run, Selection } from '../../api/types';
import { follow } from '../../shell/activity';
import { announce } from '../../shell/announce';
import { common, policies as t } from '../../texts';
import { ConfirmDialog } from '../../ui/ConfirmDialog';

export interface AddToSetDialogProps {
  tenant: string;
  open: boolean;
  what: string;
  selection: Selection;
  onClose: () => void;
  onStarted: (run: Run) => void;
  newSet: ReactNode;
}

export function AddToSetDialog({ tenant, open, what, selection, onClose, onStarted, newSet }: AddToSetDialogProps) {
  const [chosen, setChosen] = useState('');
  const select = useRef<HTMLSelectElement>(null);
  const key = useRef('');
  const sets = useQuery({
    queryKey: keys.of(tenant, 'sets', 'choice'),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, query: { pageSize: 100 } }, signal })),
    enabled: open,
  });
  const items = sets.data?.items ?? [];
  return (
    <ConfirmDialog
      open={open}
      title={t.addTitle(what)}
      confirm={t.add}
      missing={() => (chosen ? null : select.current)}
      onClose={() => {
        key.current = '';
        onClose();
      }}
      onConfirm={async () => {
        key.current ||= crypto.randomUUID();
        const run = await start<Run>(
          (id) => api.POST('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path: { tenant, set: chosen }, header: { 'Idempotency-Key': id } }, body: { selection } }),
          key.current,
        );
        key.current = '';
        follow(run);
        announce(common.queued);
        onStarted(run);
      }}
    >
      <Field label={t.addTo} hint={sets.data && items.length === 0 ? t.addNone : undefined}>
        <Select ref={select} value={chosen} onChange={(_, d) => setChosen(d.value)}>
          <option value="">{t.addChoose}</option>
          {items.map((b) => (
            <option key={b.id} value={b.id}>
              {b.name}
            </option>
          ))}
        </Select>
      </Field>
      <div>{newSet}</div>
    </ConfirmDialog>
  );
}
