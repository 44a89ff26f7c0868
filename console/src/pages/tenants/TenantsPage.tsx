// All tenants that one may open, worst first: what each needs, when it was backed up,
// and how much of it. One read for a page, whatever is in the tenants.
import { Button } from '@fluentui/react-components';
import { Star16Filled, Star16Regular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { Membership, TenantList } from '../../api/types';
import { currentSession } from '../../auth/auth';
import { formatNumber } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { choose, useChoices } from '../../shell/store';
import { useMe, useMemberships } from '../../shell/tenant';
import { common, shell, signin, tenants as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { Facets, FilterBar, FilterChoice, FilterSearch } from '../../ui/FilterBar';
import { Link, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { StatusIcon } from '../../ui/status';
import { CopyButton, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import { needIcon } from '../overview/Needs';
import { AddTenant } from './AddTenant';
import s from './tenants.module.css';

const route = getRouteApi('/shell/tenants');
const PAGE = 100;
const MOST_FAVORITES = 100; // of one question
const MOST_DRIFT = 1000; // more are not counted
const SHOWS = ['all', 'needs', 'running', 'stale', 'connection', 'drift'] as const;

function star(id: string, favorites: string[]): void {
  choose({ favorites: favorites.includes(id) ? favorites.filter((f) => f !== id) : [...favorites, id] });
}

const icon = (m: Membership) => (m.need ? needIcon(m.need) : m.lastBackupAt ? 'fine' : 'skipped');

function Star({ of: m, favorites }: { of: Membership; favorites: string[] }) {
  const on = favorites.includes(m.id);
  return (
    <Button
      size="small"
      appearance="transparent"
      className={on ? s.starred : s.star}
      icon={on ? <Star16Filled /> : <Star16Regular />}
      aria-label={on ? shell.removeFavorite(m.name) : shell.addFavorite(m.name)}
      aria-pressed={on}
      onClick={() => star(m.id, favorites)}
    />
  );
}

function columns(favorites: string[], twins: Set<string>): Column<Membership>[] {
  return [
    {
      key: 'tenant',
      header: t.columns.tenant,
      width: 'minmax(160px, 1.1fr)',
      cell: (m) => (
        <span className={s.tenant}>
          <StatusIcon status={icon(m)} />
          <Link to="/t/$tenant" params={{ tenant: m.id }}>
            <Name>{m.name}</Name>
          </Link>
          {twins.has(m.name) ? <span className={s.quiet}>{m.graphTenantId.slice(0, 8)}</span> : null}
          {m.disabled ? <span className={s.quiet}>{t.disabled}</span> : null}
          <Star of={m} favorites={favorites} />
        </span>
      ),
    },
    {
      key: 'need',
      header: t.columns.need,
      width: 'minmax(0, 2fr)',
      cell: (m) =>
        m.need ? (
          <span className={s.need} title={m.need.sentence}>
            <span className={s.words}>
            {m.need.operation ? `${common.operations[m.need.operation] ?? m.need.operation}: ` : ''}
            <Sentence text={m.need.sentence} names={[m.name]} />
            </span>{' '}
            {m.needs > 1 ? <span className={s.quiet}>{t.moreNeeds(m.needs - 1)}</span> : null}
          </span>
        ) : (
          <>
            <span aria-hidden="true">{common.nothing}</span>
            <span className="visuallyHidden">{t.fine}</span>
          </>
        ),
    },
    { key: 'backup', header: t.columns.backup, width: '130px', align: 'end', cell: (m) => (m.lastBackupAt ? <Time at={m.lastBackupAt} /> : t.neverBackedUp) },
    { key: 'coverage', header: t.columns.coverage, width: '76px', align: 'end', cell: (m) => (m.coverage ? `${m.coverage.percent}%` : common.nothing) },
    {
      key: 'drift',
      header: t.columns.drift,
      width: '60px',
      align: 'end',
      cell: (m) => (m.openDrift === undefined ? common.nothing : m.openDrift >= MOST_DRIFT ? t.driftMost : formatNumber(m.openDrift)),
    },
    { key: 'active', header: t.columns.active, width: '56px', align: 'end', cell: (m) => formatNumber(m.activeRuns) },
  ];
}

export function TenantsPage() {
  const memberships = useMemberships();
  const me = useMe();
  const [added, setAdded] = useState('');
  const add = me.data?.platformAdmin ? <AddTenant onAdded={setAdded} /> : null;
  const notice = added ? (
    <Notice kind="success">
      <p>
        <Sentence text={t.added(added)} names={[added]} /> {t.addedNext}
      </p>
    </Notice>
  ) : null;
  if (memberships.data?.length === 0) {
    const who = currentSession().who || me.data?.name || '';
    return (
      <Page
        title={t.title}
        sentence={signin.noTenant(who)}
        commands={
          <>
            {add}
            {me.data ? <CopyButton value={me.data.userId} said={t.userIdCopied}>{t.copyUserId}</CopyButton> : null}
          </>
        }
      >
        {notice}
        <p>{signin.noTenantNext}</p>
        {me.data ? <code>{me.data.userId}</code> : null}
      </Page>
    );
  }
  return <Tenants add={add} notice={notice} />;
}

function Tenants({ add, notice }: { add: React.ReactNode; notice: React.ReactNode }) {
  const search = route.useSearch();
  const { favorites } = useChoices();
  const filters = useFilters(search, ['q', 'show']);
  const show = search.show ?? 'all';
  const starred = show === 'favorites';
  const query = {
    q: search.q, sort: search.sort, pageSize: PAGE, pageToken: search.page,
    ...(starred ? { id: favorites.slice(0, MOST_FAVORITES) } : { show }),
  };
  const nothing = starred && favorites.length === 0;
  const tenants = usePolled<TenantList>({
    key: [...keys.memberships, 'page', query],
    ask: (signal) => data(api.GET('/v1/tenants', { params: { query }, signal })),
    pace: (list) => (list?.items.some((m) => m.activeRuns > 0) ? 'active' : 'idle'),
    enabled: !nothing,
    keep: true,
  });
  // Counts are of what the search finds, not of the favorites among it.
  const found = useQuery({
    queryKey: [...keys.memberships, 'counts', search.q ?? ''],
    queryFn: ({ signal }) => data(api.GET('/v1/tenants', { params: { query: { q: search.q, pageSize: 1 } }, signal })),
    enabled: starred,
  });
  const counts = starred ? found.data?.counts : tenants.data?.counts;
  const items = useMemo(() => tenants.data?.items ?? [], [tenants.data]);
  const held = useHeld(JSON.stringify([query, tenants.isPlaceholderData]), items, (m) => m.id);
  const moved = held.waiting > 0 || held.shown.some((m, i) => m.id !== items[i]?.id);
  const twins = useMemo(() => {
    const seen = new Set<string>();
    return new Set(items.map((m) => m.name).filter((name) => seen.has(name) || !seen.add(name)));
  }, [items]);
  const active = filters.active - (search.show === 'all' ? 1 : 0);
  return (
    <Page title={t.title} sentence={counts && !search.q ? t.sentence(counts.needs, counts.all, counts.all - counts.stale) : undefined} commands={add}>
      {notice}
      <FilterBar active={active} clear={filters.clear} result={active && tenants.data && !nothing ? common.results(items.length, Boolean(tenants.data.nextPageToken), 'tenant', 'tenants') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        <Facets
          label={t.show}
          value={show}
          options={[
            ...SHOWS.map((value) => ({ value, label: t.shows[value], count: counts?.[value] })),
            { value: 'favorites', label: t.shows.favorites, count: favorites.length },
          ]}
          onChange={(v) => filters.set({ show: v === 'all' ? undefined : (v as typeof search.show) })}
        />
        <FilterChoice
          label={t.sort}
          options={Object.entries(t.sorts).map(([value, label]) => ({ value: value as keyof typeof t.sorts, label }))}
          value={search.sort}
          onChange={(sort) => filters.set({ sort })}
        />
        {moved ? <Button onClick={held.release}>{t.sortAgain}</Button> : null}
      </FilterBar>
      {nothing ? (
        <NeverUsed sentence={t.noFavorites} command={<Button onClick={filters.clear}>{t.showAll}</Button>} />
      ) : (
        <Loaded query={tenants}>
          {(list) =>
            list.items.length === 0 ? (
              <NothingMatches what={t.noun} filters={active} clear={filters.clear} />
            ) : (
              <>
                <DataTable label={t.title} columns={columns(favorites, twins)} rows={held.shown} rowKey={(m) => m.id} rowName={(m) => m.name} />
                <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
              </>
            )
          }
        </Loaded>
      )}
    </Page>
  );
}
