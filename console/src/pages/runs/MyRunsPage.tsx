// My runs in all tenants, newest first.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { usePolled } from '../../poll/usePolled';
import { useActivity } from '../../shell/activity';
import { useMemberships } from '../../shell/tenant';
import { common, runs as t } from '../../texts';
import { FilterBar, FilterChoice, FilterMenu } from '../../ui/FilterBar';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunTable } from '../../ui/RunTable';
import { SavedFilters } from '../../ui/SavedFilters';
import { isTerminal } from '../../ui/status';
import { TimeFilter } from '../../ui/TimeFilter';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import { operationOptions, statusOptions } from './RunsPage';
import type { RunList } from '../../api/types';

// The filters that are kept under a name.
const SAVED = ['status', 'op', 'tenant', 'from', 'to'];
const route = getRouteApi('/shell/runs');

export function MyRunsPage() {
  const search = route.useSearch();
  const filters = useFilters(search, ['status', 'op', 'tenant', 'from', 'to']);
  const memberships = useMemberships().data ?? [];
  const active = useActivity().filter((r) => !isTerminal(r)).length;
  const query = { status: search.status, operation: search.op, tenant: search.tenant, from: search.from, to: search.to, pageSize: 50, pageToken: search.page };
  const runs = usePolled<RunList>({
    key: ['runs', query],
    ask: (signal) => data(api.GET('/v1/runs', { params: { query }, signal })),
    pace: (list) => (active > 0 || list?.items.some((r) => !isTerminal(r)) ? 'active' : 'idle'),
    keep: true,
  });
  const items = runs.data?.items ?? [];
  const held = useHeld(JSON.stringify([query, runs.isPlaceholderData]), items, (r) => r.id);
  const tenants = memberships.map((m) => ({ value: m.id, label: m.name }));
  return (
    <Page title={t.mine} sentence={runs.data && (items.length > 0 || filters.active > 0) ? t.mineSentence(active) : undefined}>
      <FilterBar active={filters.active} clear={filters.clear} result={runs.data ? common.results(items.length, Boolean(runs.data.nextPageToken), 'run', 'runs') : undefined}>
        <FilterMenu label={t.filters.status} options={statusOptions} value={search.status} onChange={(v) => filters.set({ status: v as typeof search.status })} />
        <FilterMenu label={t.filters.op} options={operationOptions} value={search.op} onChange={(op) => filters.set({ op })} />
        {tenants.length > 1 || search.tenant ? <FilterChoice label={t.filters.tenant} options={tenants} value={search.tenant} onChange={(tenant) => filters.set({ tenant })} /> : null}
        <TimeFilter from={search.from} to={search.to} onChange={(span) => filters.set(span)} />
        <SavedFilters list="my-runs" search={search} fields={SAVED} />
        {held.waiting > 0 ? <Button onClick={held.release}>{t.newRuns(held.waiting)}</Button> : null}
      </FilterBar>
      <Loaded query={runs}>
        {(list) => {
          if (list.items.length === 0 && !list.nextPageToken && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (list.items.length === 0 && !list.nextPageToken && !search.page) return <NeverUsed sentence={t.neverMine} />;
          return (
            <>
              {held.shown.length > 0 ? <RunTable label={t.mine} runs={held.shown} tenants /> : null}
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
