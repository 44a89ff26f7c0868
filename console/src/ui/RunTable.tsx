// A list of runs, as pages show it.
import { Link, RunTitle, runTitle, Sentence } from './links';
import type { Run } from '../api/types';
import { common, runs as t } from '../texts';
import { DataTable, type Column } from './DataTable';
import { isTerminal, shownStatus, StatusText } from './status';
import { Duration, Name, Time } from './text';
import s from './ui.module.css';

const columns: Record<string, Column<Run>> = {
  run: {
    key: 'run',
    header: t.columns.run,
    width: 'minmax(0, 2fr)',
    cell: (r) => (
      <Link to="/t/$tenant/runs/$run" params={{ tenant: r.tenantId, run: r.id }} title={runTitle(r)}>
        <RunTitle run={r} />
      </Link>
    ),
  },
  status: {
    key: 'status',
    header: t.columns.status,
    width: '128px',
    cell: (r) => (
      <>
        <StatusText status={shownStatus(r)} />
        {r.supersededBy ? <span className={s.superseded}>{t.superseded}</span> : null}
      </>
    ),
  },
  result: { key: 'result', header: t.columns.result, width: 'minmax(0, 3fr)', wraps: true, cell: (r) => <Sentence text={r.sentence} names={[r.target.name, r.tenantName, r.initiator.name]} /> },
  tenant: { key: 'tenant', header: t.columns.tenant, width: 'minmax(0, 1fr)', cell: (r) => <Name>{r.tenantName}</Name> },
  by: { key: 'by', header: t.columns.by, width: 'minmax(0, 1fr)', cell: (r) => (r.initiator.name ? <Name>{r.initiator.name}</Name> : r.scheduled ? t.schedule : common.nothing) },
  started: { key: 'started', header: t.columns.started, width: '130px', cell: (r) => <Time at={r.createdAt} /> },
  duration: {
    key: 'duration',
    header: t.columns.duration,
    width: '100px',
    align: 'end',
    cell: (r) => <Duration from={r.startedAt ?? r.createdAt} to={r.finishedAt ?? (isTerminal(r) ? r.updatedAt : undefined)} />,
  },
};

const pick = (...names: (keyof typeof columns)[]) => names.map((n) => columns[n] as Column<Run>);
const ofTenant = pick('run', 'status', 'result', 'by', 'started', 'duration');
const ofAll = pick('run', 'tenant', 'status', 'result', 'started', 'duration');

export function RunTable({ label, runs, tenants = false }: { label: string; runs: Run[]; tenants?: boolean }) {
  return <DataTable label={label} columns={tenants ? ofAll : ofTenant} rows={runs} rowKey={(r) => r.id} twoLines />;
}
