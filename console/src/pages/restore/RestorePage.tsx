// The first step of a restore: what of a backup set, or which version of a policy.
// What cannot be written back is not selected, and says why. It ends in a preview.
import { Button } from '@fluentui/react-components';
import { useQuery, type UseQueryResult } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';
import { all, api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { MOST_NAMED } from '../../api/limits';
import { usePolicyTypes, type TypeOfTenant } from '../../api/policyTypes';
import type { components } from '../../api/schema';
import type { BackupItem, BackupSet, PolicyVersion, Run } from '../../api/types';
import { formatDay } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { common, restore as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunStartButton } from '../../ui/RunStartButton';
import { StatusText } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { mark, useMarks } from '../../ui/useMarks';
import s from './restore.module.css';

const route = getRouteApi('/shell/t/$tenant/restore');
const PAGE = 100;

export function RestorePage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  if (search.policy) return <OfPolicy key={search.policy} tenant={tenant} policy={search.policy} />;
  if (search.set) return <OfSet key={search.set} tenant={tenant} set={search.set} />;
  return <Choose tenant={tenant} />;
}

/** The plan opens at once; it shows how far the comparison is. */
function useOpenPlan(tenant: string) {
  const navigate = useNavigate();
  return (run: Run) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant, run: run.id } });
}

function Choose({ tenant }: { tenant: string }) {
  const search = route.useSearch();
  const filters = useFilters(search, ['q']);
  const role = useTenant()?.role;
  const query = { q: search.q, pageSize: 50, pageToken: search.page };
  const list = usePolled<components['schemas']['ListBackupSetView']>({
    key: keys.of(tenant, 'sets', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const columns: Column<BackupSet>[] = [
    {
      key: 'name', header: t.columns.name, width: 'minmax(0, 2fr)',
      cell: (b) => (
        <Link to="/t/$tenant/restore" params={{ tenant }} search={{ set: b.id }}>
          <Name>{b.name}</Name>
        </Link>
      ),
    },
    { key: 'result', header: t.columns.result, width: 'minmax(0, 3fr)', wraps: true, cell: (b) => <Sentence text={b.sentence} names={[b.name]} /> },
    { key: 'created', header: t.columns.created, width: '140px', cell: (b) => <Time at={b.createdAt} /> },
  ];
  return (
    <Page title={t.title} sentence={t.choose}>
      <FilterBar active={filters.active} clear={filters.clear} result={list.data ? common.results(list.data.items.length, Boolean(list.data.nextPageToken), 'set', 'sets') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
      </FilterBar>
      <Loaded query={list}>
        {(found) => {
          if (found.items.length === 0 && filters.active > 0) return <NothingMatches what={t.sets.toLowerCase()} filters={1} clear={filters.clear} />;
          if (found.items.length === 0) {
            const make = (
              <ForRole role={role} need="operator" label={t.newSet}>
                <CommandLink to="/t/$tenant/sets/new" params={{ tenant }} primary>{t.newSet}</CommandLink>
              </ForRole>
            );
            return <NeverUsed sentence={t.never} command={make} />;
          }
          return (
            <>
              <DataTable label={t.chooseSet} columns={columns} rows={found.items} rowKey={(b) => b.id} twoLines />
              <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
      <p className="inText">
        {t.orVersion} <Link to="/t/$tenant/policies" params={{ tenant }}>{t.policies}</Link>
      </p>
    </Page>
  );
}

interface Pick {
  item: BackupItem;
  can: boolean;
  /** The word, and why in a sentence of the API. */
  state: string;
  words: string;
  why: string;
}

function pickOf(item: BackupItem, type: TypeOfTenant | undefined): Pick {
  const of = (can: boolean, state: string, words: string, why = ''): Pick => ({ item, can, state, words, why });
  if (item.state === 'missing' || item.state === 'pending' || !item.version) return of(false, 'failed', t.missing, item.sentence);
  if (item.state === 'incomplete') return of(false, 'partial', t.incomplete, item.sentence);
  if (type?.restorability.level === 'capture_only') return of(false, 'blocked', t.captureOnly, type.restorability.reason);
  if (type?.restorability.level === 'preview_only') return of(true, 'partial', t.previewOnly, type.restorability.reason);
  return of(true, 'fine', t.ready);
}

function OfSet({ tenant, set: id }: { tenant: string; set: string }) {
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['q', 'type']);
  const openPlan = useOpenPlan(tenant);
  const types = usePolicyTypes(tenant);
  const set = useQuery({
    queryKey: keys.of(tenant, 'set-head', id),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}', { params: { path: { tenant, set: id } }, signal })),
  });
  const list = useQuery({
    queryKey: keys.of(tenant, 'set-all-items', id),
    queryFn: ({ signal }) =>
      all((pageToken) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/items', { params: { path: { tenant, set: id }, query: { pageSize: 200, pageToken } }, signal }))),
  });
  // What was unselected, so that what is added to the set meanwhile is selected.
  const exceptKey = `restore ${id}`;
  const except = useMarks<BackupItem>(exceptKey);
  // What cannot be written back is not selected, so nothing is before the types are known.
  const known: UseQueryResult<unknown> = types.data ? list : types;
  const picks = useMemo(() => {
    if (!types.data) return [];
    const byId = new Map(types.data.items.map((type) => [type.id, type]));
    return (list.data ?? []).map((item) => pickOf(item, byId.get(item.type)));
  }, [list.data, types.data]);
  const can = picks.filter((p) => p.can);
  const chosen = can.filter((p) => !except.ids.has(p.item.policyId));
  const n = chosen.length;
  const everything = n === can.length && can.length === picks.length;
  const b = set.data;

  const wanted = (search.q ?? '').toLocaleLowerCase();
  const shown = picks.filter((p) => (!wanted || p.item.name.toLocaleLowerCase().includes(wanted)) && (!search.type || search.type.includes(p.item.type)));
  const page = Math.min(/^[1-9]\d{0,4}$/.test(search.page ?? '') ? Number(search.page) : 1, Math.max(1, Math.ceil(shown.length / PAGE)));
  const here = shown.slice((page - 1) * PAGE, page * PAGE);
  const select = (some: Pick[], on: boolean) => {
    const next = new Map(except.marks);
    for (const p of some) {
      if (on) next.delete(p.item.policyId);
      else next.set(p.item.policyId, p.item);
    }
    mark(exceptKey, next);
  };
  const counted = [...new Map(picks.map((p) => [p.item.type, p.item.typeTitle]))].map(([value, label]) => ({ value, label, count: picks.filter((p) => p.item.type === value).length }));

  const columns: Column<Pick>[] = [
    {
      key: 'name', header: t.columns.name, width: 'minmax(0, 2fr)',
      cell: ({ item }) => (
        <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: item.policyId }} search={item.version ? { v: item.version } : {}} title={item.name}>
          <Name>{item.name}</Name>
        </Link>
      ),
    },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 1.3fr)', cell: ({ item }) => <Name>{item.typeTitle}</Name> },
    {
      key: 'state', header: t.columns.state, width: '184px',
      cell: (p) => <StatusText status={p.state} words={p.words} />,
    },
    {
      key: 'why', header: t.columns.why, width: 'minmax(0, 1.6fr)', whole: true,
      cell: (p) => (p.why ? <span className={s.why} title={p.why}><Sentence text={p.why} names={[p.item.name]} /></span> : null),
    },
    { key: 'version', header: t.columns.version, width: '90px', cell: ({ item }) => (item.version ? t.versionName(item.version) : common.nothing) },
    { key: 'at', header: t.columns.at, width: '110px', cell: ({ item }) => <Time at={item.capturedAt} /> },
  ];
  const tooMany = n > MOST_NAMED && !everything;
  return (
    <Page
      title={b ? `${t.ofSet} ${b.name}` : t.title}
      heading={b ? <>{t.ofSet} “<Name as={b.name.length > 120 ? 'title' : 'whole'}>{b.name}</Name>”</> : undefined}
      crumbs={
        <>
          <Link to="/t/$tenant/sets" params={{ tenant }}>{t.sets}</Link>
          {b ? <> / <Link to="/t/$tenant/sets/$set" params={{ tenant, set: id }}><Name as="whole">{b.name}</Name></Link></> : null}
        </>
      }
      sentence={list.data && types.data ? t.setSentence(can.length, picks.length) : undefined}
      commands={
        list.data && picks.length > 0 ? (
          n === 0 || tooMany ? (
            <>
              <Button appearance="primary" disabledFocusable>{t.preview(n)}</Button>
              <span className={s.quiet}>{tooMany ? t.tooMany(MOST_NAMED) : t.nothing}</span>
            </>
          ) : (
            <RunStartButton
              primary
              role={role}
              need="operator"
              onStarted={openPlan}
              ask={(key) =>
                api.POST('/v1/tenants/{tenant}/backup-sets/{set}/previews', {
                  params: { path: { tenant, set: id }, header: { 'Idempotency-Key': key } },
                  body: everything ? {} : { policies: chosen.map((p) => p.item.policyId) },
                })
              }
            >
              {t.preview(n)}
            </RunStartButton>
          )
        ) : undefined
      }
    >
      <Loaded query={set}>
        {(head) => (
          <>
            {head.activeRuns.length > 0 ? <Notice kind="info"><p>{t.filling}</p></Notice> : null}
            <Loaded query={known} rows={10}>
              {() => {
                if (picks.length === 0) return <NeverUsed sentence={t.empty} command={<Link to="/t/$tenant/sets/$set" params={{ tenant, set: id }}>{head.name}</Link>} />;
                return (
                  <>
                    <FilterBar active={filters.active} clear={filters.clear} result={common.results(shown.length, false, 'item', 'items')}>
                      <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
                      <FilterMenu label={t.type} options={counted} value={search.type} onChange={(type) => filters.set({ type })} />
                      <span className={s.quiet} role="status">{t.selected(n, can.length)}</span>
                      <Button size="small" appearance="subtle" onClick={() => select(shown, true)}>{t.selectAll}</Button>
                      <Button size="small" appearance="subtle" onClick={() => select(shown, false)}>{t.selectNone}</Button>
                    </FilterBar>
                    {shown.length === 0 ? (
                      <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
                    ) : (
                      <DataTable
                        label={t.listLabel}
                        columns={columns}
                        rows={here}
                        rowKey={(p) => p.item.policyId}
                        rowName={(p) => p.item.name}
                        selectable={(p) => p.can}
                        selected={new Set(chosen.map((p) => p.item.policyId))}
                        onSelect={(next) => {
                          const left = new Map(except.marks);
                          for (const { item, can: able } of here) {
                            if (able && next.has(item.policyId)) left.delete(item.policyId);
                            else if (able) left.set(item.policyId, item);
                          }
                          mark(exceptKey, left);
                        }}
                        twoLines
                      />
                    )}
                    <Pager page={page > 1 ? String(page) : undefined} next={shown.length > page * PAGE ? String(page + 1) : undefined} go={(next) => filters.go({ page: next })} />
                  </>
                );
              }}
            </Loaded>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function OfPolicy({ tenant, policy: id }: { tenant: string; policy: string }) {
  const search = route.useSearch();
  const role = useTenant()?.role;
  const navigate = useNavigate();
  const openPlan = useOpenPlan(tenant);
  const policy = useQuery({
    queryKey: keys.of(tenant, 'policy', id),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}', { params: { path: { tenant, policy: id } }, signal })),
  });
  const query = { pageSize: 100, pageToken: search.page };
  const versions = useQuery({
    queryKey: keys.of(tenant, 'versions', id, query),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}/versions', { params: { path: { tenant, policy: id }, query }, signal })),
  });
  const list = versions.data?.items ?? [];
  const able = (v: PolicyVersion) => v.complete && v.restorability.level !== 'capture_only';
  const chosen = search.v ?? list.find(able)?.number;
  const picked = list.find((v) => v.number === chosen);
  const name = policy.data?.name ?? '';
  const choose = (v: number) => void navigate({ to: '.', search: ((was: object) => ({ ...was, v })) as never, replace: true });
  const columns: Column<PolicyVersion>[] = [
    {
      key: 'pick', header: <span className="visuallyHidden">{t.columns.pick}</span>, width: '24px',
      cell: (v) => (
        <label className={s.radio}>
          <input type="radio" name="version" checked={v.number === chosen} disabled={!able(v)} aria-label={t.pickVersion(v.number)} onChange={() => choose(v.number)} />
        </label>
      ),
    },
    {
      key: 'version', header: t.columns.version, width: '110px',
      cell: (v) => <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: id }} search={{ v: v.number }}>{t.versionName(v.number)}</Link>,
    },
    { key: 'at', header: t.columns.at, width: '140px', cell: (v) => <Time at={v.capturedAt} /> },
    { key: 'by', header: t.columns.by, width: 'minmax(0, 1fr)', cell: (v) => <Name>{v.capturedBy}</Name> },
    {
      key: 'state', header: t.columns.state, width: 'minmax(0, 2fr)', whole: true,
      cell: (v) =>
        !v.complete ? (
          <>
            <StatusText status="partial" words={t.incomplete} />
            {v.notes[0]?.sentence ? <span className={s.why}>{v.notes[0].sentence}</span> : null}
          </>
        ) : v.restorability.level === 'capture_only' ? (
          <>
            <StatusText status="blocked" words={t.captureOnly} />
            {v.restorability.reason ? <span className={s.why}>{v.restorability.reason}</span> : null}
          </>
        ) : (
          <StatusText status="fine" words={t.ready} />
        ),
    },
  ];
  return (
    <Page
      title={name ? `${t.ofPolicy} ${name}` : t.title}
      heading={name ? <>{t.ofPolicy} “<Name as={name.length > 120 ? 'title' : 'whole'}>{name}</Name>”</> : undefined}
      crumbs={
        <>
          <Link to="/t/$tenant/policies" params={{ tenant }}>{t.policies}</Link>
          {name ? <> / <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: id }}><Name as="whole">{name}</Name></Link></> : null}
        </>
      }
      sentence={list.length > 0 ? t.policySentence : undefined}
      commands={
        picked && able(picked) ? (
          <>
            <RunStartButton
              primary
              role={role}
              need="operator"
              onStarted={openPlan}
              ask={(key) =>
                api.POST('/v1/tenants/{tenant}/previews', {
                  params: { path: { tenant }, header: { 'Idempotency-Key': key } },
                  body: { versions: [{ policyId: id, version: picked.number }] },
                })
              }
            >
              {t.previewVersion(picked.number)}
            </RunStartButton>
            <span className={s.quiet}>{formatDay(picked.capturedAt)}</span>
          </>
        ) : undefined
      }
    >
      <Loaded query={policy}>
        {() => (
          <Loaded query={versions}>
            {(found) =>
              found.items.length === 0 ? (
                <NeverUsed sentence={t.noVersion} command={<Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: id }}>{t.viewPolicy}</Link>} />
              ) : (
                <>
                  <DataTable label={t.versionsLabel} columns={columns} rows={found.items} rowKey={(v) => String(v.number)} twoLines />
                  <Pager page={search.page} next={found.nextPageToken} go={(page) => void navigate({ to: '.', search: ((was: object) => ({ ...was, page })) as never })} />
                </>
              )
            }
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}
