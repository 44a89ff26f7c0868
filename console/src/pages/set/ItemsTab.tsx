// The policies of a set: what was captured, what not and why.
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolicyTypes } from '../../api/policyTypes';
import type { components } from '../../api/schema';
import type { BackupItem, BackupSet } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { common, set as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Loaded, NothingMatches } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { StatusText } from '../../ui/status';
import { CopyButton, Name, Time } from '../../ui/text';
import { TypeFilter } from '../../ui/TypeFilter';
import { useFilters } from '../../ui/useFilters';
import s from './set.module.css';

type ItemList = components['schemas']['ListBackupItemView'];
export type ItemState = BackupItem['state'];
export interface ItemSearch {
  outcome?: ItemState[];
  reason?: string;
  type?: string[];
  q?: string;
  page?: string;
}

const icons: Record<string, string> = { pending: 'queued', captured: 'fine', incomplete: 'partial', missing: 'failed' };

const why = (i: BackupItem) =>
  i.sentence && i.state !== 'captured' ? (
    <div className={s.why}>
      <span>
        <Sentence text={i.sentence} names={[i.name]} />
        {i.next ? (
          <>
            {' '}
            <strong>{t.next}</strong> {i.next}
          </>
        ) : null}
      </span>
      <span className={s.whyTools}>
        {i.code ? <code>{i.code}</code> : null}
        {i.runId ? (
          <RunLink run={{ tenantId: i.links.policy.split('/')[3] ?? '', id: i.runId }}>
            {common.viewRun}
            <span className="visuallyHidden">: {i.name}</span>
          </RunLink>
        ) : null}
        {i.failure?.graphRequestId ? (
          <CopyButton value={i.failure.graphRequestId} said={t.graphIdCopied}>
            {t.copyGraphId}
          </CopyButton>
        ) : null}
      </span>
    </div>
  ) : null;

export function ItemsTab({ tenant, set, search }: { tenant: string; set: BackupSet; search: ItemSearch }) {
  const filters = useFilters(search, ['q', 'outcome', 'type', 'reason']);
  const types = usePolicyTypes(tenant);
  const filling = set.activeRuns.length > 0;
  const query = { q: search.q, state: search.outcome, type: search.type, reason: search.reason, pageSize: 100, pageToken: search.page };
  const list = usePolled<ItemList>({
    key: keys.of(tenant, 'set-items', set.id, query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path: { tenant, set: set.id }, query }, signal })),
    pace: () => (filling ? 'active' : 'idle'),
    keep: true,
  });
  const columns: Column<BackupItem>[] = [
    {
      key: 'name',
      header: t.columns.name,
      width: 'minmax(0, 3fr)',
      cell: (i) => (
        <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: i.policyId }} search={i.version ? { v: i.version } : {}}>
          <Name>{i.name}</Name>
        </Link>
      ),
    },
    {
      key: 'type',
      header: t.columns.type,
      width: 'minmax(0, 2fr)',
      cell: (i) => (
        <>
          {i.typeTitle}
          {i.foundation ? <span className={s.grey}> · {t.foundation}</span> : null}
        </>
      ),
    },
    { key: 'state', header: t.columns.state, width: '140px', cell: (i) => <StatusText status={icons[i.state] ?? 'queued'} words={t.states[i.state] ?? i.state} /> },
    { key: 'version', header: t.columns.version, width: '100px', cell: (i) => (i.version ? t.version(i.version) : common.nothing) },
    { key: 'at', header: t.columns.at, width: '130px', cell: (i) => <Time at={i.capturedAt} /> },
  ];
  return (
    <>
      <FilterBar
        active={filters.active}
        clear={filters.clear}
        result={list.data ? common.results(list.data.items.length, Boolean(list.data.nextPageToken), 'policy', 'policies') : undefined}
      >
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        <FilterMenu
          label={t.filters.state}
          options={Object.entries(t.states).map(([value, label]) => ({ value, label }))}
          value={search.outcome}
          onChange={(outcome) => filters.set({ outcome: outcome as ItemState[] | undefined })}
        />
        <TypeFilter label={t.filters.type} types={types.data?.items} value={search.type} onChange={(type) => filters.set({ type })} />
      </FilterBar>
      <Loaded query={list} rows={10}>
        {(found) => {
          if (found.items.length === 0 && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (found.items.length === 0) return <p>{filling ? t.noItemsYet : t.noItems}</p>;
          return (
            <>
              <DataTable label={t.tabs.items ?? ''} columns={columns} rows={found.items} rowKey={(i) => i.policyId} detail={why} />
              <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}
