// What scheduled backups found changed in a tenant: each change with the way to
// compare it, to take it back, and to say that it was expected.
import { Button, Switch } from '@fluentui/react-components';
import { Add20Regular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { useOverview } from '../../api/overview';
import { usePolicyTypes } from '../../api/policyTypes';
import type { Drift } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { common, drift as t } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { DataTable } from '../../ui/DataTable';
import { Facets, FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, RunLink } from '../../ui/links';
import { ProblemNotice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { includes } from '../../ui/RunStartButton';
import { SavedFilters } from '../../ui/SavedFilters';
import { StatusIcon } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { TimeFilter } from '../../ui/TimeFilter';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import s from './drift.module.css';

const route = getRouteApi('/shell/t/$tenant/drift');
const PAGE = 50;
const FIELDS = ['kind', 'type', 'q', 'since', 'seen'];
const ICONS: Record<string, string> = { changed: 'update', new: 'create', vanished: 'delete', returned: 'create' };

type List = { items: Drift[]; nextPageToken?: string };

function What({ of: d }: { of: Drift }) {
  if (d.kind !== 'changed') return <>{t.words[d.kind] ?? d.kind}</>;
  const total = d.changedSettings ?? d.changes.length;
  const named = d.changes.slice(0, 2);
  return (
    <>
      {t.settings(total)}
      {named.length ? (
        <span className={s.under}>
          {named.map((c, i) => (
            <span key={c.setting}>
              {i ? ', ' : ''}
              <bdi>{c.setting}</bdi>
            </span>
          ))}
          {total > named.length ? ` ${t.moreSettings(total - named.length)}` : ''}
        </span>
      ) : null}
    </>
  );
}

function Details({ of: d, tenant }: { of: Drift; tenant: string }) {
  const total = d.changedSettings ?? d.changes.length;
  return (
    <div className={s.details} data-drift-details>
      {d.changes.length ? (
        <ul>
          {d.changes.map((c) => (
            <li key={`${c.kind} ${c.setting}`}>
              <bdi>{c.setting}</bdi> <span className={s.quiet}>{t.changeKinds[c.kind] ?? c.kind}</span>
            </li>
          ))}
          {total > d.changes.length ? <li className={s.quiet}>{t.moreSettings(total - d.changes.length)}</li> : null}
        </ul>
      ) : null}
      <p>
        {d.fromVersion && d.toVersion ? `${t.versions(d.fromVersion, d.toVersion)} ` : ''}
        {t.foundBy} <RunLink run={{ tenantId: tenant, id: d.runId }}>{t.foundRun}</RunLink> {t.schedule}.{' '}
        <Link to="/t/$tenant/schedules" params={{ tenant }} search={{ edit: d.scheduleId }}>
          {t.viewSchedule}
        </Link>
      </p>
    </div>
  );
}

export function DriftPage() {
  const { tenant: id } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const client = useQueryClient();
  const overview = useOverview(id);
  const types = usePolicyTypes(id);
  const filters = useFilters(search, ['kind', 'type', 'q', 'since']);
  const [marked, setMarked] = useState<ReadonlyMap<string, Drift>>(new Map());
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [error, setError] = useState<unknown>(null);
  const [failed, setFailed] = useState(0);
  const since = search.since && !Number.isNaN(Date.parse(search.since)) ? search.since : undefined;
  const seen = search.seen ?? 'open';
  const query = { kind: search.kind, type: search.type, q: search.q, since, state: seen, pageSize: PAGE, pageToken: search.page };
  const list = usePolled<List>({
    key: keys.of(id, 'drift', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/drift', { params: { path: { tenant: id }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });

  // What was marked here stays in its place until the page is left.
  const items = list.data?.items ?? [];
  const listed = new Set(items.map((d) => d.id));
  const view = JSON.stringify([id, query, list.isPlaceholderData]);
  const [shownIn, setShownIn] = useState(view);
  if (shownIn !== view) {
    setShownIn(view);
    setMarked(new Map());
  }
  const held = useHeld(view, [...items.map((d) => marked.get(d.id) ?? d), ...[...marked.values()].filter((d) => !listed.has(d.id))], (d) => d.id);

  const mark = async (drift: Drift) => {
    const done = await data(api.POST('/v1/tenants/{tenant}/drift/{drift}/expected', { params: { path: { tenant: id, drift: drift.id } } }));
    setMarked((before) => new Map(before).set(drift.id, done));
    void client.invalidateQueries({ queryKey: keys.of(id, 'overview') });
  };
  const markSelected = async () => {
    setError(null);
    setFailed(0);
    let done = 0;
    const left = new Set(selected);
    for (const each of held.shown.filter((d) => selected.has(d.id) && !d.seenAt)) {
      try {
        await mark(each);
        done++;
        left.delete(each.id);
      } catch (err) {
        setError(err);
        setFailed((n) => n + 1);
      }
    }
    setSelected(left);
    announce(t.markedSome(done));
  };
  const open = overview.data?.openDrift;
  const chosen = held.shown.filter((d) => selected.has(d.id) && !d.seenAt).length;
  const operator = includes(role, 'operator');
  return (
    <Page title={t.title} sentence={open === undefined ? undefined : t.sentence(open)}>
      <FilterBar active={filters.active} clear={filters.clear} result={list.data ? common.results(items.length, Boolean(list.data.nextPageToken), 'change', 'changes') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        <Facets
          label={t.seen}
          value={seen}
          options={Object.entries(t.seens).map(([value, label]) => ({ value, label }))}
          onChange={(v) => filters.set({ seen: v === 'all' ? 'all' : undefined })}
        />
        <FilterMenu
          label={t.kind}
          options={Object.entries(t.kinds).map(([value, label]) => ({ value, label }))}
          value={search.kind}
          onChange={(v) => filters.set({ kind: v as typeof search.kind })}
        />
        <FilterMenu
          label={t.type}
          options={(types.data?.items ?? []).filter((x) => x.policies || x.vanished || search.type?.includes(x.id)).map((x) => ({ value: x.id, label: x.title }))}
          value={search.type}
          onChange={(type) => filters.set({ type })}
        />
        <TimeFilter from={since} open={false} onChange={({ from }) => filters.set({ since: from })} />
        <SavedFilters list="drift" tenant={id} search={search} fields={FIELDS} />
        {held.waiting > 0 ? <Button onClick={held.release}>{t.newOnes(held.waiting)}</Button> : null}
      </FilterBar>
      {chosen ? (
        <div className={s.selection}>
          <span>{common.selected(chosen)}</span>
          <ActionButton primary role={role} need="operator" act={markSelected}>
            {t.markSome(chosen)}
          </ActionButton>
          <Button onClick={() => setSelected(new Set())}>{common.clearSelection}</Button>
        </div>
      ) : null}
      {error ? (
        <>
          <p>{t.notMarked(failed)}</p>
          <ProblemNotice error={error} retry={() => void markSelected()} />
        </>
      ) : null}
      <Loaded query={list}>
        {(page) => {
          if (held.shown.length === 0) {
            if (filters.active) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
            if (overview.data?.schedules.total === 0) {
              return (
                <NeverUsed
                  sentence={t.needsSchedule}
                  command={
                    <ForRole role={role} need="owner" label={t.newSchedule}>
                      <CommandLink primary icon={<Add20Regular />} to="/t/$tenant/schedules" params={{ tenant: id }} search={{ edit: 'new' }}>
                        {t.newSchedule}
                      </CommandLink>
                    </ForRole>
                  }
                />
              );
            }
            return seen === 'all' ? <NeverUsed sentence={t.never} /> : <NeverUsed sentence={t.noneOpen} command={<Button onClick={() => filters.set({ seen: 'all' })}>{t.showAll}</Button>} />;
          }
          return (
            <>
              <DataTable
                label={t.title}
                twoLines
                rows={held.shown}
                rowKey={(d) => d.id}
                rowName={(d) => d.name}
                {...(operator ? { selected, onSelect: setSelected, selectable: (d: Drift) => !d.seenAt } : {})}
                detail={(d) => (search.item === d.id ? <Details of={d} tenant={id} /> : null)}
                columns={[
                  {
                    key: 'policy',
                    header: t.columns.policy,
                    width: 'minmax(0, 1.5fr)',
                    cell: (d) => (
                      <>
                        <Link to="/t/$tenant/policies/$policy" params={{ tenant: id, policy: d.policyId }}>
                          <Name>{d.name}</Name>
                        </Link>
                        <span className={s.under}>{d.typeTitle}</span>
                      </>
                    ),
                  },
                  {
                    key: 'change',
                    header: t.columns.change,
                    width: '110px',
                    cell: (d) => (
                      <span className={s.change}>
                        <StatusIcon status={ICONS[d.kind] ?? 'update'} />
                        {t.kinds[d.kind] ?? d.kind}
                      </span>
                    ),
                  },
                  { key: 'what', header: t.columns.what, width: 'minmax(0, 1.1fr)', whole: true, cell: (d) => <What of={d} /> },
                  { key: 'found', header: t.columns.found, width: '100px', cell: (d) => <Time at={d.foundAt} /> },
                  {
                    key: 'commands',
                    header: t.columns.commands,
                    width: 'minmax(250px, 380px)',
                    whole: true,
                    cell: (d) => (
                      <span className={s.commands}>
                        {d.fromVersion && d.toVersion ? (
                          <CommandLink
                            size="small"
                            to="/t/$tenant/policies/$policy/diff"
                            params={{ tenant: id, policy: d.policyId }}
                            search={{ from: d.fromVersion, to: d.toVersion }}
                          >
                            {t.compare}
                            <span className="visuallyHidden"> {d.name}</span>
                          </CommandLink>
                        ) : null}
                        {d.fromVersion && operator ? (
                          <CommandLink size="small" to="/t/$tenant/restore" params={{ tenant: id }} search={{ policy: d.policyId, v: d.fromVersion }}>
                            {t.restore}
                            <span className="visuallyHidden"> {d.name}</span>
                          </CommandLink>
                        ) : d.fromVersion ? (
                          <ActionButton size="small" role={role} need="operator" quiet spoken={d.name} act={() => undefined}>
                            {t.restore}
                          </ActionButton>
                        ) : null}
                        {d.seenAt ? (
                          <span className={s.seen}>
                            <StatusIcon status="fine" />
                            <bdi>{t.expectedBy(d.seenBy?.name ?? '')}</bdi>
                          </span>
                        ) : (
                          <ActionButton size="small" role={role} need="operator" quiet spoken={d.name} said={t.marked(d.name)} act={() => mark(d)}>
                            {t.mark}
                          </ActionButton>
                        )}
                        <Button
                          size="small"
                          appearance="subtle"
                          aria-expanded={search.item === d.id}
                          onClick={() => filters.go({ item: search.item === d.id ? undefined : d.id })}
                        >
                          {search.item === d.id ? t.hideDetails : t.details}
                          <span className="visuallyHidden"> {d.name}</span>
                        </Button>
                      </span>
                    ),
                  },
                ]}
              />
              <Pager page={search.page} next={page.nextPageToken} go={(token) => filters.go({ page: token })} />
            </>
          );
        }}
      </Loaded>
      <Subscription tenant={id} />
    </Page>
  );
}

type Choice = { drift: boolean; problems: boolean };

/** What the reader is told of by the bell. */
function Subscription({ tenant: id }: { tenant: string }) {
  const client = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const key = keys.of(id, 'subscription');
  const query = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/subscription', { params: { path: { tenant: id } }, signal })),
    staleTime: Infinity,
  });
  const put = async (body: Choice, before: Choice) => {
    setError(null);
    client.setQueryData(key, body);
    try {
      await data(api.PUT('/v1/tenants/{tenant}/subscription', { params: { path: { tenant: id } }, body }));
      announce(t.told);
    } catch (err) {
      client.setQueryData(key, before);
      setError(err);
    }
  };
  return (
    <section aria-labelledby="tell" className={s.tell}>
      <h2 id="tell">{t.tell}</h2>
      <p className={s.quiet}>{t.tellHint}</p>
      <Loaded query={query} rows={2}>
        {(choice) => (
          <>
            <Switch label={t.tellDrift} checked={choice.drift} onChange={(_, d) => void put({ ...choice, drift: d.checked }, choice)} />
            <Switch label={t.tellProblems} checked={choice.problems} onChange={(_, d) => void put({ ...choice, problems: d.checked }, choice)} />
          </>
        )}
      </Loaded>
      {error ? <ProblemNotice error={error} /> : null}
    </section>
  );
}
