// What ran in a tenant, newest first: filters in the address, new rows behind a
// button, rows that change in their place.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolled } from '../../poll/usePolled';
import { RUN_STATUSES } from '../../router';
import { useTenant } from '../../shell/tenant';
import { common, runs as t } from '../../texts';
import { FilterBar, FilterMenu } from '../../ui/FilterBar';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunStartButton } from '../../ui/RunStartButton';
import { isTerminal } from '../../ui/status';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import { RunTable } from './RunTable';
import type { RunList } from '../../api/types';

const route = getRouteApi('/shell/t/$tenant/runs');
const PAGE = 50;

export const statusOptions = RUN_STATUSES.map((value) => ({ value, label: common.statuses[value] ?? value }));
export const operationOptions = Object.entries(common.operations).map(([value, label]) => ({ value, label }));

export function RunsPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['status', 'op', 'by', 'target', 'from', 'to']);
  const query = { status: search.status, operation: search.op, initiator: search.by, from: search.from, to: search.to, pageSize: PAGE, pageToken: search.page };
  const runs = usePolled<RunList>({
    key: keys.of(tenant, 'runs', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs', { params: { path: { tenant }, query }, signal })),
    pace: (list) => (list?.items.some((r) => !isTerminal(r)) ? 'active' : 'idle'),
    keep: true,
  });
  const items = runs.data?.items ?? [];
  const held = useHeld(JSON.stringify([tenant, query, runs.isPlaceholderData]), items, (r) => r.id);
  const ended = items.filter(isTerminal);
  const plain = filters.active === 0 && !search.page;
  return (
    <Page
      title={t.title}
      sentence={runs.data && plain && items.length > 0 ? t.sentence(items.length - ended.length, ended.filter((r) => r.status === 'failed').length, ended.length) : undefined}
    >
      <FilterBar active={filters.active} clear={filters.clear} result={runs.data ? common.results(items.length, Boolean(runs.data.nextPageToken), 'run', 'runs') : undefined}>
        <FilterMenu label={t.filters.status} options={statusOptions} value={search.status} onChange={(v) => filters.set({ status: v as typeof search.status })} />
        <FilterMenu label={t.filters.op} options={operationOptions} value={search.op} onChange={(op) => filters.set({ op })} />
        {held.waiting > 0 ? <Button onClick={held.release}>{t.newRuns(held.waiting)}</Button> : null}
      </FilterBar>
      <Loaded query={runs}>
        {(list) => {
          if (list.items.length === 0 && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (list.items.length === 0) {
            const sync = (
              <RunStartButton
                primary
                role={role}
                need="operator"
                ask={(key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: {} })}
              >
                {t.syncInventory}
              </RunStartButton>
            );
            return <NeverUsed sentence={t.never} command={sync} />;
          }
          return (
            <>
              <RunTable label={t.title} runs={held.shown} />
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
