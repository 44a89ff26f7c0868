// The backup sets of a tenant, newest first, and those that can be recovered.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import type { BackupSet } from '../../api/types';
import { formatNumber } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { common, sets as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterSearch } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { StatusText } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { setIcons } from './icons';

const route = getRouteApi('/shell/t/$tenant/sets');
type SetList = components['schemas']['ListBackupSetView'];

export function SetsPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['q']);
  const deleted = search.state === 'deleted';
  const query = { q: search.q, state: search.state, pageSize: 50, pageToken: search.page };
  const list = usePolled<SetList>({
    key: keys.of(tenant, 'sets', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, query }, signal })),
    pace: (found) => (found?.items.some((b) => b.state === 'filling') ? 'active' : 'idle'),
    keep: true,
  });
  const create = (
    <ForRole role={role} need="operator" label={t.create}>
      <CommandLink to="/t/$tenant/sets/new" params={{ tenant }} primary>
        {t.create}
      </CommandLink>
    </ForRole>
  );
  const items = list.data?.items ?? [];
  const columns: Column<BackupSet>[] = [
    {
      key: 'name',
      header: t.columns.name,
      width: 'minmax(0, 2fr)',
      cell: (b) => (
        <Link to="/t/$tenant/sets/$set" params={{ tenant, set: b.id }}>
          <Name>{b.name}</Name>
        </Link>
      ),
    },
    { key: 'policies', header: t.columns.policies, width: '80px', align: 'end', cell: (b) => (b.counts ? formatNumber(b.counts.policies) : common.nothing) },
    { key: 'state', header: t.columns.state, width: '130px', cell: (b) => <StatusText status={setIcons[b.state] ?? 'queued'} words={t.states[b.state] ?? b.state} /> },
    { key: 'result', header: t.columns.result, width: 'minmax(0, 3fr)', wraps: true, cell: (b) => b.sentence },
    { key: 'by', header: t.columns.by, width: 'minmax(0, 1fr)', cell: (b) => <Name>{b.createdBy.name || t.schedule}</Name> },
    deleted
      ? { key: 'until', header: t.columns.until, width: '160px', cell: (b) => <Time at={b.recoverableUntil} future /> }
      : { key: 'created', header: t.columns.created, width: '130px', cell: (b) => <Time at={b.createdAt} /> },
  ];
  const never = list.data && items.length === 0 && filters.active === 0 && !search.page;
  const toggle = (
    <Button appearance="subtle" onClick={() => filters.go({ state: deleted ? undefined : 'deleted', q: undefined, page: undefined })}>
      {deleted ? t.showPresent : t.showDeleted}
    </Button>
  );
  return (
    <Page
      title={deleted ? t.deletedTitle : t.title}
      sentence={
        list.data && items.length > 0 && filters.active === 0 && !search.page && !deleted
          ? t.sentence(items.length, Boolean(list.data.nextPageToken), items.filter((b) => b.state === 'incomplete' || b.state === 'empty').length, items.filter((b) => b.state === 'filling').length)
          : undefined
      }
      commands={never && !deleted ? undefined : create}
    >
      <FilterBar
        active={filters.active}
        clear={filters.clear}
        result={list.data ? common.results(items.length, Boolean(list.data.nextPageToken), 'backup set', 'backup sets') : undefined}
      >
        {never ? null : <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />}
        {toggle}
      </FilterBar>
      <Loaded query={list}>
        {(found) => {
          if (found.items.length === 0 && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (found.items.length === 0) return <NeverUsed sentence={deleted ? t.neverDeleted : t.never} command={deleted ? undefined : create} />;
          return (
            <>
              <DataTable label={deleted ? t.deletedTitle : t.title} columns={columns} rows={found.items} rowKey={(b) => b.id} twoLines />
              <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
