// Adds a tenant, for platform administrators: its registration at Microsoft, and the
// first owner, who does all else.
import { Button, Field, Input, Select } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { announce } from '../../shell/announce';
import { credential, tenants as t } from '../../texts';
import { CredentialFields, credentialFaults, credentialInput, emptyCredential } from '../../ui/CredentialFields';
import { FormDialog, type Faults } from '../../ui/FormDialog';

type Cloud = 'global' | 'usgov' | 'usgovdod' | 'china';
const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const empty = { name: '', graphTenantId: '', clientId: '', cloud: 'global' as Cloud, owner: '', ownerName: '', credential: emptyCredential };

export function AddTenant({ onAdded }: { onAdded: (name: string) => void }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const [form, setForm] = useState(empty);
  const put = (change: Partial<typeof empty>) => setForm((before) => ({ ...before, ...change }));
  const check = (): Faults => ({
    ...(form.name.trim() ? {} : { name: t.missing }),
    ...(GUID.test(form.graphTenantId.trim()) ? {} : { graphTenantId: t.notGuid }),
    ...(GUID.test(form.clientId.trim()) ? {} : { clientId: t.notGuid }),
    ...(form.owner.trim() ? {} : { 'owner.userId': t.missing }),
    ...credentialFaults(form.credential),
  });
  const send = async () => {
    const body = {
      name: form.name.trim(), graphTenantId: form.graphTenantId.trim(), clientId: form.clientId.trim(), cloud: form.cloud,
      credential: credentialInput(form.credential), owner: { userId: form.owner.trim(), name: form.ownerName.trim() || undefined },
    };
    const made = await data(api.POST('/v1/tenants', { body }));
    announce(t.added(made.name));
    onAdded(made.name);
    await client.invalidateQueries({ queryKey: keys.memberships });
  };
  const close = () => {
    setOpen(false);
    setForm(empty);
  };
  return (
    <>
      <Button appearance="primary" onClick={() => setOpen(true)}>
        {t.add}
      </Button>
      <FormDialog open={open} title={t.addTitle} submit={t.addIt} check={check} onSubmit={send} onClose={close}>
        {(fault) => (
          <>
            <Field label={t.fields.name} required {...fault('name')}>
              <Input value={form.name} maxLength={200} onChange={(_, d) => put({ name: d.value })} />
            </Field>
            <Field label={t.fields.graphTenantId} required {...fault('graphTenantId')}>
              <Input value={form.graphTenantId} onChange={(_, d) => put({ graphTenantId: d.value })} />
            </Field>
            <Field label={t.fields.clientId} required {...fault('clientId')}>
              <Input value={form.clientId} onChange={(_, d) => put({ clientId: d.value })} />
            </Field>
            <Field label={t.fields.cloud}>
              <Select value={form.cloud} onChange={(_, d) => put({ cloud: d.value as Cloud })}>
                {Object.entries(credential.clouds).map(([value, label]) => (
                  <option key={value} value={value}>
                    {label}
                  </option>
                ))}
              </Select>
            </Field>
            <CredentialFields value={form.credential} onChange={(c) => put({ credential: c })} fault={fault} />
            <Field label={t.fields.owner} required hint={t.ownerHint} {...fault('owner.userId')}>
              <Input value={form.owner} maxLength={128} onChange={(_, d) => put({ owner: d.value })} />
            </Field>
            <Field label={t.fields.ownerName}>
              <Input value={form.ownerName} maxLength={200} onChange={(_, d) => put({ ownerName: d.value })} />
            </Field>
          </>
        )}
      </FormDialog>
    </>
  );
}
