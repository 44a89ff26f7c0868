// Picks what to restore: a backup set, all of it or some, or one version of a policy.
// What it starts is a preview, which changes nothing.
import { Button } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { all, api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolicyTypes } from '../../api/policyTypes';
import type { components } from '../../api/schema';
import type { BackupItem, BackupSet, Run } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { common, restore as t } from '../../texts';
import { CommandLink } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterSearch } from '../../ui/FilterBar';
import { Link, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunStartButton } from '../../ui/RunStartButton';
import { StatusText } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { TypeFilter } from '../../ui/TypeFilter';
import { useFilters } from '../../ui/useFilters';
import { useMarks } from '../../ui/useMarks';

const route = getRouteApi('/shell/t/$tenant/restore');
type ItemList = components['schemas']['ListBackupItemView'];
type SetList = components['schemas']['ListBackupSetView'];
interface Search {
  q?: string;
  type?: string[];
  page?: string;
}

const PAGE = 100;
const icons: Record<string, string> = { pending: 'queued', captured: 'fine', incomplete: 'partial', missing: 'failed' };

export function RestorePage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  if (search.set) return <FromSet tenant={tenant} id={search.set} search={search} />;
  if (search.policy && search.v) return <OneVersion tenant={tenant} policy={search.policy} version={search.v} />;
  return <PickSet tenant={tenant} search={search} />;
}

/** Opens the plan of a preview that was just started. */
function useOpenPlan(tenant: string) {
  const navigate = useNavigate();
  return (run: Run) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant, run: run.id } });
}

const Crumbs = ({ tenant }: { tenant: string }) => (
  <Link to="/t/$tenant/sets" params={{ tenant }}>
    {t.sets}
  </Link>
);

function PickSet({ tenant, search }: { tenant: string; search: Search }) {
  const filters = useFilters(search, ['q']);
  const query = { q: search.q, pageSize: PAGE, pageToken: search.page };
  const sets = usePolled<SetList>({
    key: keys.of(tenant, 'sets', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const columns: Column<BackupSet>[] = [
    {
      key: 'name', header: t.columns.name, width: 'minmax(0, 2fr)',
      cell: (b) => (
        <Link to="/t/$tenant/restore" params={{ tenant }} search={{ set: b.id }} title={b.name}>
          <Name>{b.name}</Name>
        </Link>
      ),
    },
    { key: 'state', header: t.columns.state, width: 'minmax(0, 3fr)', wraps: true, cell: (b) => <Sentence text={b.sentence} names={[b.name]} /> },
    { key: 'made', header: t.columns.made, width: '130px', align: 'end', cell: (b) => <Time at={b.createdAt} /> },
  ];
  return (
    <Page title={t.title} sentence={t.sentence} crumbs={<Crumbs tenant={tenant} />}>
      <FilterBar active={filters.active} clear={filters.clear}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
      </FilterBar>
      <Loaded query={sets}>
        {(list) =>
          list.items.length === 0 ? (
            filters.active > 0 ? (
              <NothingMatches what={t.setNoun} filters={filters.active} clear={filters.clear} />
            ) : (
              <NeverUsed
                sentence={t.never}
                command={
                  <CommandLink primary to="/t/$tenant/sets/new" params={{ tenant }}>
                    {t.newSet}
                  </CommandLink>
                }
              />
            )
          ) : (
            <>
              <DataTable label={t.setsLabel} columns={columns} rows={list.items} rowKey={(b) => b.id} />
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function FromSet({ tenant, id, search }: { tenant: string; id: string; search: Search }) {
  const role = useTenant()?.role;
  const open = useOpenPlan(tenant);
  const filters = useFilters(search, ['q', 'type']);
  const types = usePolicyTypes(tenant);
  // Everything is picked but what is taken out, so that nothing needs to be read whole.
  const out = useMarks<BackupItem>(`restore ${id}`);
  const path = { tenant, set: id };
  const set = usePolled<BackupSet>({
    key: keys.of(tenant, 'set', id),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}', { params: { path }, signal })),
    pace: (b) => (b && b.activeRuns.length > 0 ? 'active' : 'idle'),
  });
  const query = { q: search.q, type: search.type, pageSize: PAGE, pageToken: search.page };
  const items = usePolled<ItemList>({
    key: keys.of(tenant, 'set-items', id, query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path, query }, signal })),
    pace: () => (set.data && set.data.activeRuns.length > 0 ? 'active' : 'idle'),
    keep: true,
  });
  const can = (i: BackupItem) => Boolean(i.version);
  const rows = items.data?.items ?? [];
  const chosen = new Set(rows.filter((i) => can(i) && !out.marks.has(i.policyId)).map((i) => i.policyId));
  const columns: Column<BackupItem>[] = [
    { key: 'name', header: t.columns.name, width: 'minmax(0, 3fr)', cell: (i) => <Name>{i.name}</Name> },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 2fr)', cell: (i) => i.typeTitle },
    { key: 'state', header: t.columns.state, width: '140px', cell: (i) => <StatusText status={icons[i.state] ?? 'queued'} words={t.states[i.state] ?? i.state} /> },
    { key: 'version', header: t.columns.version, width: '90px', cell: (i) => (i.version ? i.version : common.nothing) },
    { key: 'at', header: t.columns.captured, width: '130px', align: 'end', cell: (i) => <Time at={i.capturedAt} /> },
  ];
  const captured = set.data?.counts ? set.data.counts.captured + (set.data.counts.incomplete ?? 0) : undefined;
  const left = out.marks.size;
  const ask = async (key: string) => {
    let policies: string[] | undefined;
    if (left > 0) {
      const every = await all((pageToken) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path, query: { pageSize: 200, pageToken } } })));
      policies = every.filter((i) => can(i) && !out.marks.has(i.policyId)).map((i) => i.policyId);
    }
    return api.POST('/v1/tenants/{tenant}/backup-sets/{set}/previews', { params: { path, header: { 'Idempotency-Key': key } }, body: { policies } });
  };
  return (
    <Page
      title={t.title}
      heading={set.data ? <Name as="title">{set.data.name}</Name> : t.title}
      crumbs={<Crumbs tenant={tenant} />}
      sentence={left === 0 ? t.pickAll : captured !== undefined ? t.pick(captured - left, captured) : undefined}
      commands={
        <RunStartButton primary role={role} need="operator" ask={ask} onStarted={open}>
          {left === 0 || captured === undefined ? t.preview : t.previewSome(captured - left)}
        </RunStartButton>
      }
    >
      {left > 0 ? (
        <Notice commands={<Button onClick={out.clear}>{t.includeAll}</Button>}>
          <p>{t.leftOut(left)}</p>
        </Notice>
      ) : null}
      <FilterBar
        active={filters.active}
        clear={filters.clear}
        result={items.data ? common.results(rows.length, Boolean(items.data.nextPageToken), 'policy', 'policies') : undefined}
      >
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        <TypeFilter label={t.columns.type} types={types.data?.items} value={search.type} onChange={(type) => filters.set({ type })} />
      </FilterBar>
      <Loaded query={items}>
        {(list) =>
          list.items.length === 0 ? (
            filters.active > 0 ? (
              <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
            ) : (
              <NeverUsed sentence={set.data?.sentence ?? t.never} />
            )
          ) : (
            <>
              <DataTable
                label={t.label}
                columns={columns}
                rows={list.items}
                rowKey={(i) => i.policyId}
                rowName={(i) => i.name}
                selectable={can}
                selected={chosen}
                onSelect={(next) => {
                  const taken = new Set([...out.marks.keys()].filter((key) => !rows.some((i) => i.policyId === key)));
                  for (const i of rows) if (can(i) && !next.has(i.policyId)) taken.add(i.policyId);
                  out.select(taken, rows, (i) => i.policyId);
                }}
                detail={(i) => (i.sentence && !can(i) ? <Sentence text={i.sentence} names={[i.name]} /> : null)}
              />
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function OneVersion({ tenant, policy: id, version }: { tenant: string; policy: string; version: number }) {
  const role = useTenant()?.role;
  const open = useOpenPlan(tenant);
  const policy = useQuery({
    queryKey: keys.of(tenant, 'policy', id),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}', { params: { path: { tenant, policy: id } }, signal })),
  });
  return (
    <Page
      title={t.title}
      crumbs={
        <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: id }}>
          {policy.data?.name ?? t.columns.name}
        </Link>
      }
      sentence={
        <>
          {t.version(version)} <Name as="whole">{policy.data?.name ?? id}</Name>. {t.sentence}
        </>
      }
      commands={
        <RunStartButton
          primary
          role={role}
          need="operator"
          ask={(key) =>
            api.POST('/v1/tenants/{tenant}/previews', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: { versions: [{ policyId: id, version }] } })
          }
          onStarted={open}
        >
          {t.previewOne(version)}
        </RunStartButton>
      }
    >
      <Loaded query={policy}>{() => null}</Loaded>
    </Page>
  );
}
