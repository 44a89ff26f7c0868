// How TenantAtlas reaches a tenant, and whether it works: the last test, what it may
// read, what is missing. The credential itself is never shown.
import { Field, Input, Select } from '@fluentui/react-components';
import { PlugConnected20Regular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';
import { all, api, data, read } from '../../api/client';
import { keys } from '../../api/keys';
import { useOverview } from '../../api/overview';
import { usePolicyTypes } from '../../api/policyTypes';
import { ApiProblem } from '../../api/problem';
import type { components } from '../../api/schema';
import { start } from '../../api/start';
import type { Outcome, Run, Tenant } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { follow } from '../../shell/activity';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { connection as t, credential as words } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { CredentialFields, credentialFaults, credentialInput, emptyCredential } from '../../ui/CredentialFields';
import { DataTable } from '../../ui/DataTable';
import { FormDialog, type Faults } from '../../ui/FormDialog';
import { RunLink, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { problemText } from '../../ui/problems';
import { ProgressBar } from '../../ui/ProgressBar';
import { RunStartButton } from '../../ui/RunStartButton';
import { isTerminal, shownStatus, StatusIcon, StatusText } from '../../ui/status';
import { CopyButton, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { permissionsOf, type PermissionState } from './permissions';
import s from './connection.module.css';

const route = getRouteApi('/shell/t/$tenant/connection');
const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const STATES: Record<PermissionState, [icon: string, words: string]> = {
  granted: ['fine', t.grantedWord],
  missing: ['failed', t.missingWord],
  failed: ['partial', t.failedWord],
  untested: ['skipped', t.notTested],
};

const testStart = (tenant: string) => (key: string) =>
  api.POST('/v1/tenants/{tenant}/connection-tests', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: {} });

/** The test that the address names, else the newest; null when there was none. */
function useTest(tenant: string, id: string | undefined) {
  return usePolled<Run | null>({
    key: keys.of(tenant, 'runs', 'connection.test', id ?? ''),
    ask: async (signal) => {
      if (id) return data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant, run: id } }, signal }));
      const list = await data(api.GET('/v1/tenants/{tenant}/runs', { params: { path: { tenant }, query: { operation: ['connection.test'], superseded: 'show', pageSize: 1 } }, signal }));
      return list.items[0] ?? null;
    },
    pace: (run) => (run && !isTerminal(run) ? 'active' : 'idle'),
    keep: true,
  });
}

function useItems(tenant: string, run: Run | null | undefined) {
  return useQuery({
    queryKey: ['run-items', run?.id ?? '', 'all'],
    queryFn: ({ signal }) =>
      all<Outcome>((pageToken) => data(api.GET('/v1/tenants/{tenant}/runs/{run}/items', { params: { path: { tenant, run: run?.id ?? '' }, query: { pageSize: 200, pageToken } }, signal }))),
    enabled: Boolean(run && isTerminal(run)),
    staleTime: Infinity,
  });
}

export function ConnectionPage() {
  const { tenant: id } = route.useParams();
  const search = route.useSearch();
  const filters = useFilters(search, []);
  const role = useTenant()?.role;
  const overview = useOverview(id);
  const test = useTest(id, search.test);
  const items = useItems(id, test.data);
  const [dialog, setDialog] = useState<'credential' | 'edit' | null>(null);
  const [note, setNote] = useState<ReactNode>(null);
  const tenant = overview.data?.tenant;
  const run = test.data;
  const fault = tenant?.connectionFault;
  const tested = items.data?.filter((i) => i.type);
  const readable = tested?.filter((i) => i.status === 'succeeded').length ?? 0;
  const newest = !search.test;

  const sentence = ((): ReactNode => {
    if (!tenant || run === undefined) return undefined;
    if (run && !isTerminal(run)) return t.testing;
    const ended = run ? (
      <>
        {t.tested} <Time at={run.finishedAt ?? run.updatedAt} />.{' '}
      </>
    ) : null;
    if (fault && newest) return <Sentence text={`${t.refused} ${fault.sentence}`} names={[tenant.name]} />;
    if (!run) return overview.data?.graph.state === 'ok' ? t.connected : t.untested;
    if (run.status === 'failed' || run.status === 'canceled') return <Sentence text={run.sentence} names={[tenant.name]} />;
    return (
      <>
        {t.connected} {ended}
        {tested ? t.granted(readable, tested.length) : ''}
      </>
    );
  })();
  return (
    <Page
      title={t.title}
      sentence={sentence}
      commands={
        <>
          <RunStartButton primary icon={<PlugConnected20Regular />} role={role} need="operator" ask={testStart(id)} onStarted={() => search.test && filters.go({ test: undefined })}>
            {t.test}
          </RunStartButton>
          <ActionButton role={role} need="owner" act={() => setDialog('credential')}>
            {t.change}
          </ActionButton>
          <ActionButton role={role} need="owner" quiet act={() => setDialog('edit')}>
            {t.edit}
          </ActionButton>
        </>
      }
    >
      {note}
      <Loaded query={overview}>
        {({ tenant: of }) => (
          <>
            {of.disabled ? (
              <Notice kind="warning">
                <p>{t.disabled}</p>
              </Notice>
            ) : null}
            {of.connectionFault ? (
              <Notice kind="error" commands={<RunLink run={{ tenantId: id, id: of.connectionFault.runId }}>{t.foundBy}</RunLink>}>
                <p data-fault={of.connectionFault.code}>
                  <Sentence text={[of.connectionFault.sentence, of.connectionFault.next].filter(Boolean).join(' ')} names={[of.name]} /> {t.since} <Time at={of.connectionFault.at} />.
                </p>
              </Notice>
            ) : null}
            <Registration of={of} />
          </>
        )}
      </Loaded>
      <section className={s.section} aria-labelledby="test">
        <h2 id="test">{t.lastTest}</h2>
        <Loaded query={test} rows={2}>
          {(last) => (last ? <LastTest run={last} items={items.data ?? []} tenant={tenant?.name ?? ''} /> : <p>{t.neverTested}</p>)}
        </Loaded>
      </section>
      <Permissions tenant={id} items={items.data ?? []} />
      {tenant ? (
        <>
          {dialog === 'credential' ? <ChangeCredential tenant={tenant} close={() => setDialog(null)} tell={setNote} /> : null}
          {dialog === 'edit' ? <Edit tenant={tenant} close={() => setDialog(null)} tell={setNote} /> : null}
        </>
      ) : null}
    </Page>
  );
}

function Registration({ of }: { of: Tenant }) {
  return (
    <section className={s.section} aria-labelledby="registration">
      <h2 id="registration">{t.registration}</h2>
      <dl className={s.facts}>
        <dt>{t.fields.name}</dt>
        <dd>
          <Name as="whole">{of.name}</Name>
        </dd>
        <dt>{t.fields.cloud}</dt>
        <dd>{words.clouds[of.cloud] ?? of.cloud}</dd>
        <dt>{t.fields.tenantId}</dt>
        <dd className={s.id}>
          <code>{of.graphTenantId}</code>
          <CopyButton value={of.graphTenantId} said={t.idCopied}>
            {t.copyTenantId}
          </CopyButton>
        </dd>
        <dt>{t.fields.clientId}</dt>
        <dd className={s.id}>
          <code>{of.clientId}</code>
          <CopyButton value={of.clientId} said={t.idCopied}>
            {t.copyClientId}
          </CopyButton>
        </dd>
        <dt>{t.fields.credential}</dt>
        <dd>
          {words.kinds[of.credentialKind] ?? of.credentialKind}. <span className={s.quiet}>{t.stored}</span>
        </dd>
        <dt>{t.fields.changed}</dt>
        <dd>
          <Time at={of.updatedAt} />
        </dd>
      </dl>
    </section>
  );
}

function LastTest({ run, items, tenant }: { run: Run; items: Outcome[]; tenant: string }) {
  const wrong = items.filter((i) => i.status !== 'succeeded');
  return (
    <>
      <p className={s.test} data-test={run.status}>
        <StatusText status={shownStatus(run)} />
        <RunLink run={run}>
          <Sentence text={run.sentence} names={[tenant]} />
        </RunLink>
        <Time at={run.finishedAt ?? run.createdAt} />
        <bdi className={s.quiet}>{run.initiator.name}</bdi>
      </p>
      {isTerminal(run) ? null : <ProgressBar counts={run.counts} />}
      {run.failure ? (
        <Notice
          kind="error"
          commands={run.failure.graphRequestId ? <CopyButton value={run.failure.graphRequestId}>{t.copyRequest}</CopyButton> : undefined}
        >
          <p>
            <Sentence text={[run.failure.sentence, run.failure.next].filter(Boolean).join(' ')} names={[tenant]} />
          </p>
        </Notice>
      ) : null}
      {wrong.length && !run.failure ? (
        <>
          <h3>{t.problems(wrong.length)}</h3>
          <DataTable
            label={t.problems(wrong.length)}
            rows={wrong}
            rowKey={(i) => i.key}
            columns={[
              {
                key: 'type',
                header: t.problemColumns.type,
                width: 'minmax(0, 1fr)',
                whole: true,
                cell: (i) => (
                  <span className={s.type}>
                    <StatusIcon status={i.status} />
                    <Name as="whole">{i.name}</Name>
                  </span>
                ),
              },
              { key: 'why', header: t.problemColumns.why, width: 'minmax(0, 1.6fr)', whole: true, cell: (i) => <Sentence text={i.sentence ?? i.code ?? ''} names={[tenant]} /> },
              { key: 'next', header: t.problemColumns.next, width: 'minmax(0, 1.4fr)', whole: true, cell: (i) => i.next ?? '' },
            ]}
          />
        </>
      ) : null}
    </>
  );
}

function Permissions({ tenant, items }: { tenant: string; items: Outcome[] }) {
  const types = usePolicyTypes(tenant);
  return (
    <section className={s.section} aria-labelledby="permissions">
      <h2 id="permissions">{t.permissions}</h2>
      <p className={s.quiet}>{t.permissionsHint}</p>
      <Loaded query={types}>
        {(list) => (
          <DataTable
            label={t.permissions}
            rows={permissionsOf(list.items, items)}
            rowKey={(p) => p.names.join(' ')}
            columns={[
              { key: 'permission', header: t.columns.permission, width: 'minmax(0, 2fr)', whole: true, cell: (p) => p.names.join(t.or) },
              { key: 'state', header: t.columns.state, width: '130px', cell: (p) => <StatusText status={STATES[p.state][0]} words={STATES[p.state][1]} /> },
              {
                key: 'types',
                header: t.columns.types,
                width: 'minmax(0, 2fr)',
                whole: true,
                cell: (p) => (
                  <>
                    {t.typesOf(p.types.length)} <span className={s.quiet}>{p.types.join(', ')}</span>
                  </>
                ),
              },
            ]}
          />
        )}
      </Loaded>
    </section>
  );
}

interface DialogProps {
  tenant: Tenant;
  close: () => void;
  tell: (note: ReactNode) => void;
}

type Patch = components['schemas']['TenantPatch'];

/** Changes the tenant as it was when the dialog opened; refused when somebody else changed it meanwhile. */
function useChange(tenant: Tenant) {
  const client = useQueryClient();
  const current = useQuery({
    queryKey: keys.of(tenant.id, 'tag'),
    queryFn: async () => (await read(api.GET('/v1/tenants/{tenant}', { params: { path: { tenant: tenant.id } } }))).tag,
    staleTime: Infinity,
    gcTime: 0,
  });
  return async (body: Patch) => {
    const tag = current.data ?? (await current.refetch({ throwOnError: true })).data;
    try {
      await data(api.PATCH('/v1/tenants/{tenant}', { params: { path: { tenant: tenant.id }, header: { 'If-Match': tag } }, body }));
    } catch (err) {
      if (err instanceof ApiProblem && err.status === 412) void current.refetch();
      throw err;
    }
    void client.invalidateQueries({ queryKey: keys.tenant(tenant.id) });
  };
}

function ChangeCredential({ tenant, close, tell }: DialogProps) {
  const [form, setForm] = useState(emptyCredential);
  const change = useChange(tenant);
  const send = async () => {
    await change({ credential: credentialInput(form) });
    try {
      const run = await start<Run>(testStart(tenant.id));
      follow(run);
      announce(t.changed);
      tell(
        <Notice kind="success" commands={<RunLink run={run}>{t.viewTest}</RunLink>}>
          <p>{t.changed}</p>
        </Notice>,
      );
    } catch (err) {
      tell(
        <Notice kind="warning">
          <p>
            {t.changedUntested} {problemText(err).sentence}
          </p>
        </Notice>,
      );
    }
  };
  return (
    <FormDialog open title={t.changeTitle} submit={t.changeIt} check={() => credentialFaults(form)} onSubmit={send} onClose={close}>
      {(fault) => (
        <>
          <p>{t.changeText}</p>
          <CredentialFields value={form} onChange={setForm} fault={fault} />
        </>
      )}
    </FormDialog>
  );
}

function Edit({ tenant, close, tell }: DialogProps) {
  const [form, setForm] = useState({ name: tenant.name, graphTenantId: tenant.graphTenantId, clientId: tenant.clientId, cloud: tenant.cloud });
  const client = useQueryClient();
  const change = useChange(tenant);
  const put = (next: Partial<typeof form>) => setForm((before) => ({ ...before, ...next }));
  const check = (): Faults => ({
    ...(form.name.trim() ? {} : { name: t.nameMissing }),
    ...(GUID.test(form.graphTenantId.trim()) ? {} : { graphTenantId: t.notGuid }),
    ...(GUID.test(form.clientId.trim()) ? {} : { clientId: t.notGuid }),
  });
  const send = async () => {
    await change({ name: form.name.trim(), graphTenantId: form.graphTenantId.trim(), clientId: form.clientId.trim(), cloud: form.cloud });
    void client.invalidateQueries({ queryKey: keys.memberships });
    announce(t.saved);
    tell(
      <Notice kind="success">
        <p>{t.saved}</p>
      </Notice>,
    );
  };
  return (
    <FormDialog open title={t.editTitle} submit={t.editIt} check={check} onSubmit={send} onClose={close}>
      {(fault) => (
        <>
          <Field label={t.fields.name} required {...fault('name')}>
            <Input value={form.name} maxLength={200} onChange={(_, d) => put({ name: d.value })} />
          </Field>
          <Field label={t.fields.cloud} {...fault('cloud')}>
            <Select value={form.cloud} onChange={(_, d) => put({ cloud: d.value as Tenant['cloud'] })}>
              {Object.entries(words.clouds).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </Select>
          </Field>
          <Field label={t.fields.tenantId} required {...fault('graphTenantId')}>
            <Input value={form.graphTenantId} spellCheck={false} onChange={(_, d) => put({ graphTenantId: d.value })} />
          </Field>
          <Field label={t.fields.clientId} required {...fault('clientId')}>
            <Input value={form.clientId} spellCheck={false} onChange={(_, d) => put({ clientId: d.value })} />
          </Field>
        </>
      )}
    </FormDialog>
  );
}
