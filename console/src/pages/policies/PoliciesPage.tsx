// The policies of a tenant: found by name, type, platform and state; captured one by
// one, as checked, or as many as match.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { MOST_NAMED } from '../../api/limits';
import { usePolicyTypes } from '../../api/policyTypes';
import type { Overview, Policy, Run, Selection } from '../../api/types';
import type { components } from '../../api/schema';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { common, policies as t } from '../../texts';
import { CommandLink, NeedsRole } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterChoice, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { includes, RunAnswer, RunStartButton } from '../../ui/RunStartButton';
import { Name, Time } from '../../ui/text';
import { TypeFilter } from '../../ui/TypeFilter';
import { useFilters } from '../../ui/useFilters';
import { useMarks } from '../../ui/useMarks';
import { AddToSetDialog } from './AddToSetDialog';
import { platformOptions, platformWords } from './platforms';
import { PolicyState } from './state';
import s from './policies.module.css';

const route = getRouteApi('/shell/t/$tenant/policies');
type PolicyList = components['schemas']['ListPolicyView'];
const PAGE = 50;

export function PoliciesPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['q', 'type', 'platform', 'state', 'captured']);
  const { marks, ids, select, remove, clear } = useMarks<Policy>(`policies ${tenant}`);
  const [everything, setEverything] = useState('');
  const [shown, setShown] = useState(false);
  const [adding, setAdding] = useState(false);
  const [started, setStarted] = useState<ReadonlyMap<string, Run>>(new Map());

  const asked = { q: search.q, type: search.type, platform: search.platform, state: search.state, captured: search.captured, sort: search.sort };
  const query = { ...asked, pageSize: PAGE, pageToken: search.page };
  const list = usePolled<PolicyList>({
    key: keys.of(tenant, 'policies', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/policies', { params: { path: { tenant }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const overview = usePolled<Overview>({
    key: keys.of(tenant, 'overview'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/overview', { params: { path: { tenant } }, signal })),
    pace: () => 'idle',
  });
  const types = usePolicyTypes(tenant);

  const rows = list.data?.items ?? [];
  const capturable = rows.filter((p) => p.state === 'present');
  const whole = Boolean(list.data && !list.data.nextPageToken && !search.page);
  const sums = overview.data?.coverage;

  // What the server can be told to act on, however many there are.
  const resolvable = search.state !== 'vanished' && search.state !== 'drifted' && search.captured !== 'recent' && search.captured !== 'older';
  const never = search.state === 'never' || search.captured === 'never';
  const filtered = Boolean(search.q || search.type || search.platform || never);
  const matching: Selection = filtered ? { search: search.q, types: search.type, platforms: search.platform, never: never || undefined } : { all: true };
  const matchKey = JSON.stringify(matching);
  const all = everything === matchKey && resolvable;
  const inTypes = search.type && types.data?.countedAt && !search.q && !search.platform && !never
    ? types.data.items.filter((type) => search.type?.includes(type.id)).reduce((n, type) => n + type.policies, 0)
    : undefined;
  const matches = whole ? capturable.length : filtered ? inTypes : sums?.policies;

  const selection: Selection = all ? matching : { policies: [...marks.keys()] };
  const any = all || marks.size > 0;
  const answered = (run: Run, which: Iterable<string>) => setStarted((before) => new Map([...before, ...[...which].map((id) => [id, run] as const)]));

  const columns: Column<Policy>[] = [
    {
      key: 'name',
      header: t.columns.name,
      width: 'minmax(0, 5fr)',
      cell: (p) => (
        <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: p.id }}>
          <Name>{p.name || t.noName}</Name>
        </Link>
      ),
    },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 3fr)', cell: (p) => <Name>{p.typeTitle}</Name> },
    { key: 'platform', header: t.columns.platform, width: '110px', cell: (p) => (p.platform ? <Name>{platformWords(p.platform)}</Name> : common.nothing) },
    { key: 'captured', header: t.columns.captured, width: '110px', cell: (p) => (p.lastCapturedAt ? <Time at={p.lastCapturedAt} /> : common.never) },
    { key: 'state', header: t.columns.state, width: '150px', cell: (p) => <PolicyState policy={p} drifted={search.state === 'drifted'} /> },
    {
      key: 'capture',
      header: <span className="visuallyHidden">{t.columns.capture}</span>,
      width: '190px',
      cell: (p) => {
        const run = started.get(p.id);
        if (run) return <span className={`${s.answer} inText`}><RunAnswer run={run} /></span>;
        if (p.state !== 'present' || !includes(role, 'operator')) return null;
        return (
          <RunStartButton
            size="small"
            role={role}
            need="operator"
            spoken={p.name}
            ask={(key) => api.POST('/v1/tenants/{tenant}/policies/{policy}/snapshots', { params: { path: { tenant, policy: p.id }, header: { 'Idempotency-Key': key } } })}
            onStarted={(r) => answered(r, [p.id])}
          >
            {t.capture}
          </RunStartButton>
        );
      },
    },
  ];

  const sync = (primary: boolean) => (
    <RunStartButton
      primary={primary}
      role={role}
      need="operator"
      ask={(key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: {} })}
    >
      {t.sync}
    </RunStartButton>
  );
  const empty = list.data?.items.length === 0 && filters.active === 0 && !search.page;

  return (
    <Page
      title={t.title}
      sentence={
        sums ? (
          <>
            {t.inSync(sums.policies)}
            {overview.data?.syncedAt ? <>, <Time at={overview.data.syncedAt} /></> : null}. {t.neverCaptured(sums.neverCaptured)}
            {sums.vanished > 0 ? ` ${t.vanished(sums.vanished)}` : ''}
          </>
        ) : undefined
      }
      commands={empty ? undefined : sync(false)}
    >
      {empty ? null : (
        <FilterBar
          active={filters.active}
          clear={filters.clear}
          result={list.data ? common.results(rows.length, Boolean(list.data.nextPageToken), 'policy', 'policies') : undefined}
        >
          <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
          <TypeFilter label={t.filters.type} types={types.data?.items} value={search.type} onChange={(type) => filters.set({ type })} />
          <FilterMenu label={t.filters.platform} options={platformOptions} value={search.platform} onChange={(platform) => filters.set({ platform })} />
          <FilterChoice
            label={t.filters.captured}
            options={(['recent', 'older', 'never'] as const).map((value) => ({ value, label: t.capturedWhen[value] }))}
            value={search.captured}
            onChange={(captured) => filters.set({ captured })}
          />
          <FilterChoice
            label={t.filters.state}
            options={(['present', 'vanished', 'drifted', 'never'] as const).map((value) => ({ value, label: t.states[value] }))}
            value={search.state}
            onChange={(state) => filters.set({ state })}
          />
          <FilterChoice
            label={t.filters.sort}
            options={(['name', '-name'] as const).map((value) => ({ value, label: t.sorts[value] }))}
            value={search.sort}
            onChange={(sort) => filters.set({ sort })}
          />
        </FilterBar>
      )}
      {any ? (
        <div className={s.bar} role="group" aria-label={t.selection}>
          <strong role="status">{all ? t.allMatch(matches) : t.selected(marks.size)}</strong>
          {!all && marks.size > MOST_NAMED ? (
            t.tooMany
          ) : (
            <RunStartButton
              key={all ? matchKey : 'chosen'}
              primary
              role={role}
              need="operator"
              ask={(key) => api.POST('/v1/tenants/{tenant}/snapshots', { params: { path: { tenant }, header: { 'Idempotency-Key': key } }, body: { selection } })}
              onStarted={(run) => answered(run, all ? capturable.map((p) => p.id) : marks.keys())}
            >
              {all ? (matches === undefined ? t.captureAll : t.captureMany(matches)) : t.captureMany(marks.size)}
            </RunStartButton>
          )}
          {includes(role, 'operator') ? <Button onClick={() => setAdding(true)}>{t.addToSet}</Button> : <NeedsRole need="operator">{t.addToSet}</NeedsRole>}
          {!all && resolvable && (!whole || marks.size < capturable.length) ? (
            <Button appearance="subtle" onClick={() => setEverything(matchKey)}>
              {t.selectAll(matches)}
            </Button>
          ) : null}
          {all ? null : (
            <Button appearance="subtle" aria-expanded={shown} onClick={() => setShown(!shown)}>
              {shown ? t.hide : t.show}
            </Button>
          )}
          <Button
            appearance="subtle"
            onClick={() => {
              setEverything('');
              clear();
            }}
          >
            {t.clear}
          </Button>
          {shown && !all ? (
            <ul className={s.chosen}>
              {[...marks.values()].map((p) => (
                <li key={p.id}>
                  <Name>{p.name || t.noName}</Name>
                  <Button size="small" appearance="transparent" onClick={() => remove(p.id)}>
                    {t.remove}
                    <span className="visuallyHidden"> {p.name}</span>
                  </Button>
                </li>
              ))}
            </ul>
          ) : null}
        </div>
      ) : null}
      <Loaded query={list} rows={10}>
        {(found) => {
          if (found.items.length === 0 && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (found.items.length === 0) return <NeverUsed sentence={t.never} command={sync(true)} />;
          return (
            <>
              <DataTable
                label={t.title}
                columns={columns}
                rows={found.items}
                rowKey={(p) => p.id}
                rowName={(p) => p.name || t.noName}
                selectable={(p) => p.state === 'present'}
                selected={all ? new Set(capturable.map((p) => p.id)) : ids}
                onSelect={(next) => {
                  setEverything('');
                  select(next, found.items, (p) => p.id);
                }}
                busy={list.isPlaceholderData}
              />
              <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          );
        }}
      </Loaded>
      <AddToSetDialog
        tenant={tenant}
        open={adding}
        what={all ? (matches === undefined ? t.matching : t.these(matches)) : t.these(marks.size)}
        selection={selection}
        onClose={() => setAdding(false)}
        onStarted={(run) => answered(run, all ? capturable.map((p) => p.id) : marks.keys())}
        newSet={
          // A new set cannot be told to hold what was never captured: by then it is.
          all && never ? null : (
          <CommandLink
            to="/t/$tenant/sets/new"
            params={{ tenant }}
            search={all ? (filtered ? { from: 'filter', q: search.q, type: search.type, platform: search.platform } : { from: 'tenant' }) : { from: 'policies', step: 'options' }}
          >
            {t.addNew}
          </CommandLink>
          )
        }
      />
    </Page>
  );
}

