// A tenant at a glance: what can be restored, what wants a person, how each operation
// went the last time, and what runs now or next.
import { ArchiveArrowBack20Regular, ArrowSync20Regular, Archive20Regular } from '@fluentui/react-icons';
import { getRouteApi } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api } from '../../api/client';
import { useOverview } from '../../api/overview';
import type { Overview, Run } from '../../api/types';
import { serverNow } from '../../format/clock';
import { useTenant } from '../../shell/tenant';
import { common, overview as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { DataTable } from '../../ui/DataTable';
import { Link, RunLink, RunTitle, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { ProgressBar } from '../../ui/ProgressBar';
import { RunStartButton } from '../../ui/RunStartButton';
import { shownStatus, StatusIcon, StatusText } from '../../ui/status';
import { Duration, Time } from '../../ui/text';
import { Figures } from './Figures';
import { Needs } from './Needs';
import s from './overview.module.css';

const route = getRouteApi('/shell/t/$tenant/');

// Every operation has its place, whatever ran last.
const ORDER = Object.keys(common.operations);
const place = (operation: string) => (ORDER.indexOf(operation) + ORDER.length + 1) % (ORDER.length + 1);

function sentenceOf(o: Overview): ReactNode {
  if (o.lastBackup) {
    return (
      <>
        {o.lastBackup.wholeTenant ? t.backedUp : t.backedUpPart} <Time at={o.lastBackup.createdAt} />. {o.lastBackup.sentence}
      </>
    );
  }
  if (o.syncedAt || o.coverage?.policies) return t.neverBackedUp(o.coverage?.policies);
  return o.activeRuns.some((r) => r.operation === 'inventory.sync') ? t.syncing : t.notSynced;
}

export function OverviewPage() {
  const { tenant: id } = route.useParams();
  const tenant = useTenant();
  const overview = useOverview(id);
  const o = overview.data;
  const name = tenant?.name ?? t.title;
  const role = tenant?.role;
  const begun = Boolean(o && (o.syncedAt || o.lastBackup || o.coverage?.policies));

  const sync = (
    <RunStartButton
      key="sync"
      primary={!begun}
      icon={<ArrowSync20Regular />}
      role={role}
      need="operator"
      ask={(key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: { path: { tenant: id }, header: { 'Idempotency-Key': key } }, body: {} })}
    >
      {t.syncInventory}
    </RunStartButton>
  );
  const backUp = (
    <RunStartButton
      key="backup"
      primary
      icon={<Archive20Regular />}
      role={role}
      need="operator"
      ask={async (key) => {
        const body = { name: t.backUpName(name, new Date(serverNow()).toISOString().slice(0, 10)), selection: { all: true } };
        const answer = await api.POST('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant: id }, header: { 'Idempotency-Key': key } }, body });
        return { ...answer, data: answer.data?.run } as { data?: Run; error?: unknown; response: Response };
      }}
    >
      {t.backUp}
    </RunStartButton>
  );
  return (
    <Page
      title={name}
      sentence={o ? sentenceOf(o) : undefined}
      commands={
        o ? (
          <>
            {begun ? backUp : null}
            {o.lastBackup ? (
              <ForRole role={role} need="operator" label={t.restore}>
                <CommandLink icon={<ArchiveArrowBack20Regular />} to="/t/$tenant/restore" params={{ tenant: id }} search={{ set: o.lastBackup.backupSetId }}>
                  {t.restore}
                </CommandLink>
              </ForRole>
            ) : null}
            {sync}
          </>
        ) : undefined
      }
    >
      <Loaded query={overview}>
        {(data) => (
          <>
            <Standing of={data} />
            {begun ? <Figures of={data} /> : null}
            {begun || data.needs.length ? <Needs of={data} /> : null}
            <Active of={data} />
            <LastResults of={data} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Standing({ of: o }: { of: Overview }) {
  const { graph, tenant } = o;
  return (
    <>
      {tenant.disabled ? (
        <Notice kind="warning">
          <p>{t.disabled}</p>
        </Notice>
      ) : null}
      {graph.state === 'down' || graph.state === 'waiting' ? (
        <Notice kind="warning" commands={graph.runId ? <RunLink run={{ tenantId: tenant.id, id: graph.runId }}>{t.graphRun}</RunLink> : undefined}>
          <p data-graph={graph.state}>
            <Sentence text={graph.sentence ?? ''} names={[tenant.name]} /> {t.graphDown}
          </p>
        </Notice>
      ) : null}
    </>
  );
}

function Active({ of: o }: { of: Overview }) {
  if (o.activeRuns.length === 0) return null;
  return (
    <section className={s.section} aria-labelledby="active">
      <h2 id="active">{t.active(o.activeRunCount)}</h2>
      <ul>
        {o.activeRuns.map((r) => (
          <li key={r.id} className={s.run}>
            <StatusIcon status={shownStatus(r)} />
            <RunLink run={r}>
              <RunTitle run={r} />
            </RunLink>
            <ProgressBar counts={r.counts} thin />
            <span>
              <Sentence text={r.sentence} names={[r.target.name, r.tenantName, r.initiator.name]} />
            </span>
          </li>
        ))}
      </ul>
      {o.activeRunCount > o.activeRuns.length ? (
        <p>
          <Link to="/t/$tenant/runs" params={{ tenant: o.tenant.id }} search={{ status: ['queued', 'running'] }}>
            {t.allActive}
          </Link>
        </p>
      ) : null}
    </section>
  );
}

function LastResults({ of: o }: { of: Overview }) {
  if (o.lastResults.length === 0) return null;
  const rows = [...o.lastResults].sort((a, b) => place(a.operation) - place(b.operation));
  return (
    <section className={s.section} aria-labelledby="last">
      <h2 id="last">{t.last}</h2>
      <DataTable
        label={t.last}
        rows={rows}
        rowKey={(r) => r.operation}
        columns={[
          {
            key: 'operation',
            header: t.columns.operation,
            width: 'minmax(0, 1fr)',
            cell: ({ operation, run }) => <RunLink run={run}>{common.operations[operation] ?? operation}</RunLink>,
          },
          { key: 'status', header: t.columns.status, width: '130px', cell: ({ run }) => <StatusText status={shownStatus(run)} /> },
          {
            key: 'result',
            header: t.columns.result,
            width: 'minmax(0, 2.5fr)',
            wraps: true,
            cell: ({ run }) => <Sentence text={run.sentence} names={[run.target.name, run.tenantName, run.initiator.name]} />,
          },
          { key: 'at', header: t.columns.at, width: '110px', cell: ({ run }) => <Time at={run.finishedAt ?? run.updatedAt} /> },
          {
            key: 'duration',
            header: t.columns.duration,
            width: '90px',
            align: 'end',
            cell: ({ run }) => <Duration from={run.startedAt ?? run.createdAt} to={run.finishedAt ?? run.updatedAt} />,
          },
        ]}
      />
    </section>
  );
}
