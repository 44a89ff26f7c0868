// What ran in a tenant, newest first: filters in the address, new rows behind a
// button, rows that change in their place. Failures that a later run made up for are
// hidden, with their number.
import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { all, api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolled } from '../../poll/usePolled';
import { RUN_STATUSES } from '../../router';
import { useMe, useTenant } from '../../shell/tenant';
import { common, runs as t } from '../../texts';
import { FilterBar, FilterChoice, FilterMenu } from '../../ui/FilterBar';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunTable } from '../../ui/RunTable';
import { RunStartButton } from '../../ui/RunStartButton';
import { SavedFilters } from '../../ui/SavedFilters';
import { isTerminal } from '../../ui/status';
import { TimeFilter } from '../../ui/TimeFilter';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import type { components } from '../../api/schema';
import s from './runs.module.css';

// The filters that are kept under a name.
const SAVED = ['status', 'op', 'by', 'target', 'from', 'to', 'superseded', 'sort'];
const route = getRouteApi('/shell/t/$tenant/runs');
const PAGE = 50;
type List = components['schemas']['RunList'];

export const statusOptions = RUN_STATUSES.map((value) => ({ value, label: common.statuses[value] ?? value }));
export const operationOptions = Object.entries(common.operations).map(([value, label]) => ({ value, label }));

export function RunsPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['status', 'op', 'by', 'target', 'from', 'to']);
  const query = {
    status: search.status, operation: search.op, initiator: search.by, target: search.target, from: search.from, to: search.to,
    superseded: search.superseded === 'show' ? ('show' as const) : ('hide' as const), sort: search.sort, pageSize: PAGE, pageToken: search.page,
  };
  const runs = usePolled<List>({
    key: keys.of(tenant, 'runs', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs', { params: { path: { tenant }, query }, signal })),
    pace: (list) => (list?.items.some((r) => !isTerminal(r)) ? 'active' : 'idle'),
    keep: true,
  });
  const counts = usePolled({
    key: keys.of(tenant, 'runs', 'counts'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/run-counts', { params: { path: { tenant } }, signal })),
    pace: (c) => (c && c.active > 0 ? 'active' : 'idle'),
  });
  const items = runs.data?.items ?? [];
  const held = useHeld(JSON.stringify([tenant, query, runs.isPlaceholderData]), items, (r) => r.id);
  const who = useInitiators(tenant);
  const targets = [...new Map(items.filter((r) => r.target.kind !== 'tenant').map((r) => [r.target.id, r.target.name]))].map(([value, label]) => ({ value, label: label.slice(0, 80) }));
  if (search.target && !targets.some((o) => o.value === search.target)) targets.push({ value: search.target, label: search.target });
  const c = counts.data;
  const hidden = runs.data?.hiddenSuperseded ?? 0;
  return (
    <Page title={t.title} sentence={c && c.newest > 0 ? t.sentence(c.active, c.statuses.failed ?? 0, c.statuses.partial ?? 0, c.newest) : undefined}>
      <FilterBar active={filters.active} clear={filters.clear} result={runs.data ? common.results(items.length, Boolean(runs.data.nextPageToken), 'run', 'runs') : undefined}>
        <FilterMenu
          label={t.filters.status}
          options={statusOptions.map((o) => ({ ...o, count: c?.statuses[o.value] }))}
          value={search.status}
          onChange={(v) => filters.set({ status: v as typeof search.status })}
        />
        <FilterMenu label={t.filters.op} options={operationOptions} value={search.op} onChange={(op) => filters.set({ op })} />
        {who.length > 0 || search.by ? <FilterChoice label={t.filters.by} options={named(who, search.by)} value={search.by} onChange={(by) => filters.set({ by })} /> : null}
        {targets.length > 0 ? <FilterChoice label={t.filters.target} options={targets} value={search.target} onChange={(target) => filters.set({ target })} /> : null}
        <TimeFilter from={search.from} to={search.to} onChange={(span) => filters.set(span)} />
        <FilterChoice
          label={t.filters.sort}
          options={[{ value: 'oldest' as const, label: t.sorts.oldest }]}
          value={search.sort === 'oldest' ? 'oldest' : undefined}
          any={t.sorts.newest}
          onChange={(sort) => filters.set({ sort })}
        />
        <SavedFilters list="runs" tenant={tenant} search={search} fields={SAVED} />
        {held.waiting > 0 ? <Button onClick={held.release}>{t.newRuns(held.waiting)}</Button> : null}
      </FilterBar>
      <Loaded query={runs}>
        {(list) => {
          const beside =
            hidden > 0 ? (
              <p className={s.hidden}>
                {t.hidden(hidden)}
                <Button size="small" appearance="subtle" onClick={() => filters.set({ superseded: 'show' })}>
                  {t.showHidden}
                </Button>
              </p>
            ) : search.superseded === 'show' ? (
              <p className={s.hidden}>
                <Button size="small" appearance="subtle" onClick={() => filters.set({ superseded: undefined })}>
                  {t.hideSuperseded}
                </Button>
              </p>
            ) : null;
          if (list.items.length === 0 && hidden === 0 && !list.nextPageToken && filters.active > 0) {
            return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          }
          if (list.items.length === 0 && hidden === 0 && !list.nextPageToken && !search.page) {
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
              {held.shown.length > 0 ? <RunTable label={t.title} runs={held.shown} /> : null}
              {beside}
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}

interface Who {
  value: string;
  label: string;
}

const named = (who: Who[], chosen: string | undefined): Who[] => (chosen && !who.some((w) => w.value === chosen) ? [...who, { value: chosen, label: chosen }] : who);

/** Who can have started a run: oneself first, the members, the schedules. */
function useInitiators(tenant: string): Who[] {
  const me = useMe().data;
  const members = useQuery({
    queryKey: keys.of(tenant, 'members', 'all'),
    queryFn: ({ signal }) => all((pageToken) => data(api.GET('/v1/tenants/{tenant}/members', { params: { path: { tenant }, query: { pageSize: 200, pageToken } }, signal }))),
    staleTime: 5 * 60_000,
    retry: false,
  });
  const schedules = useQuery({
    queryKey: keys.of(tenant, 'schedules', 'all'),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/schedules', { params: { path: { tenant } }, signal })),
    staleTime: 5 * 60_000,
    retry: false,
  });
  const people = (members.data ?? []).map((m) => ({ value: m.userId, label: m.name || m.userId })).sort((a, b) => Number(b.value === me?.userId) - Number(a.value === me?.userId) || a.label.localeCompare(b.label));
  return [...people, ...(schedules.data?.items ?? []).map((sc) => ({ value: sc.id, label: `${t.schedule}: ${sc.name}` }))];
}
