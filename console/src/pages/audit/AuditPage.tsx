// Who did what in a tenant. It is read and exported; nothing changes it.
import { Button } from '@fluentui/react-components';
import { ArrowDownload20Regular, Dismiss16Regular, Filter16Regular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { all, api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { AuditEvent, Member, Schedule } from '../../api/types';
import { serverNow } from '../../format/clock';
import { clockTimeSeconds, formatDay, precise } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useTenantName } from '../../shell/tenant';
import { audit as t, common } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { DataTable } from '../../ui/DataTable';
import { download, fileName } from '../../ui/download';
import { FilterBar, FilterChoice, FilterMenu } from '../../ui/FilterBar';
import { Link, RunLink } from '../../ui/links';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { SavedFilters } from '../../ui/SavedFilters';
import { StatusText } from '../../ui/status';
import { Name } from '../../ui/text';
import { TimeFilter } from '../../ui/TimeFilter';
import { useFilters } from '../../ui/useFilters';
import { useHeld } from '../../ui/useHeld';
import { countLines, exportAudit } from './exportAudit';
import s from './audit.module.css';

const route = getRouteApi('/shell/t/$tenant/audit');
const PAGE = 50;
const FIELDS = ['event', 'by', 'target', 'run', 'from', 'to'];
const EVENTS = Object.entries(t.events).map(([value, label]) => ({ value, label }));
const SHORT = 8; // characters of a content hash

type List = { items: AuditEvent[]; nextPageToken?: string };

const keyOf = (e: AuditEvent): string => [e.at, e.event, e.runId, e.actor.userId, e.target?.id, e.details?.member].join(' ');
const moment = (text: string | undefined): string | undefined => (text && !Number.isNaN(Date.parse(text)) ? text : undefined);

/** Members and schedules, as those who may have done something. */
function useActors(tenant: string) {
  return useQuery({
    queryKey: keys.of(tenant, 'actors'),
    queryFn: async ({ signal }) => {
      const path = { tenant };
      const [members, schedules] = await Promise.all([
        all<Member>((pageToken) => data(api.GET('/v1/tenants/{tenant}/members', { params: { path, query: { pageSize: 200, pageToken } }, signal }))),
        data<{ items: Schedule[] }>(api.GET('/v1/tenants/{tenant}/schedules', { params: { path }, signal })),
      ]);
      return [...members.map((m) => ({ value: m.userId, label: m.name || m.userId })), ...schedules.items.map((x) => ({ value: x.id, label: x.name }))];
    },
    staleTime: 60_000,
  });
}

function Target({ of: e, tenant }: { of: AuditEvent; tenant: string }) {
  const target = e.target;
  if (!target) return <>{common.nothing}</>;
  const name = <Name>{target.name || target.id}</Name>;
  if (target.kind === 'policy') return <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: target.id }}>{name}</Link>;
  if (target.kind === 'backup_set') return <Link to="/t/$tenant/sets/$set" params={{ tenant, set: target.id }}>{name}</Link>;
  if ((target.kind as string) === 'schedule') return <Link to="/t/$tenant/schedules" params={{ tenant }} search={{ edit: target.id }}>{name}</Link>;
  return name;
}

function Details({ of: e, nameOf }: { of: AuditEvent; nameOf: (id: string) => string }) {
  const parts = Object.entries(e.details ?? {}).map(([key, value]) =>
    key.startsWith('changed.') ? t.changedField(key.slice(8)) : `${t.details[key] ?? key}: ${key === 'role' ? (common.roles[value] ?? value) : nameOf(value)}`,
  );
  return (
    <>
      {e.status && e.event === 'run.ended' ? <StatusText status={e.status} /> : null}
      {parts.map((p) => (
        <span key={p} className={s.part}>
          <bdi>{p}</bdi>
        </span>
      ))}
    </>
  );
}

function Objects({ of: e, tenant }: { of: AuditEvent; tenant: string }) {
  return (
    <ul className={s.objects}>
      {e.objects?.map((o, i) => (
        <li key={`${o.policyId} ${i}`}>
          {t.actions[o.action] ?? o.action}{' '}
          {o.policyId ? (
            <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: o.policyId }}>
              <bdi>{o.name}</bdi>
            </Link>
          ) : (
            <bdi>{o.name}</bdi>
          )}{' '}
          <span className={s.quiet}>
            {o.code ? `${o.code} · ` : ''}
            {t.before} <code title={o.before}>{o.before ? o.before.slice(0, SHORT) : t.none}</code> {t.after} <code title={o.after}>{o.after ? o.after.slice(0, SHORT) : t.none}</code>
          </span>
        </li>
      ))}
    </ul>
  );
}

export function AuditPage() {
  const { tenant: id } = route.useParams();
  const search = route.useSearch();
  const tenantName = useTenantName();
  const filters = useFilters(search, ['event', 'by', 'target', 'run', 'from', 'to']);
  const actors = useActors(id);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [lines, setLines] = useState<string>('');
  const filter = { event: search.event, target: search.target, actor: search.by, run: search.run, from: moment(search.from), to: moment(search.to) };
  const query = { ...filter, pageSize: PAGE, pageToken: search.page };
  const list = usePolled<List>({
    key: keys.of(id, 'audit', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/audit-events', { params: { path: { tenant: id }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const items = list.data?.items ?? [];
  const held = useHeld(JSON.stringify([id, query, list.isPlaceholderData]), items, keyOf);
  const nameOf = (actor: string): string => actors.data?.find((a) => a.value === actor)?.label ?? actor;
  const toggle = (key: string) =>
    setOpen((before) => {
      const next = new Set(before);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  const byOptions = actors.data ?? [];
  const known = !search.by || byOptions.some((o) => o.value === search.by);
  const targetName = items.find((e) => e.target?.id === search.target)?.target?.name ?? search.target ?? '';
  const exportIt = async () => {
    setLines('');
    const text = await exportAudit(id, filter, (n) => setLines(t.exporting(n)));
    download(t.exportName(fileName(tenantName), new Date(serverNow()).toISOString().slice(0, 10)), text, 'text/csv;charset=utf-8');
    const n = countLines(text);
    setLines(t.exported(n));
    announce(t.exported(n));
  };
  return (
    <Page
      title={t.title}
      sentence={t.sentence}
      commands={
        <>
          <ActionButton primary icon={<ArrowDownload20Regular />} act={exportIt}>
            {t.export}
          </ActionButton>
          {lines ? <span>{lines}</span> : null}
        </>
      }
    >
      <FilterBar active={filters.active} clear={filters.clear} result={list.data ? common.results(items.length, Boolean(list.data.nextPageToken), 'event', 'events') : undefined}>
        <FilterMenu label={t.event} options={EVENTS} value={search.event} onChange={(event) => filters.set({ event })} />
        <FilterChoice label={t.by} options={known ? byOptions : [{ value: search.by as string, label: search.by as string }, ...byOptions]} value={search.by} onChange={(by) => filters.set({ by })} />
        <TimeFilter from={search.from} to={search.to} onChange={(span) => filters.set(span)} />
        {search.target ? <Chosen words={t.onlyTarget(targetName)} remove={() => filters.set({ target: undefined })} /> : null}
        {search.run ? <Chosen words={t.onlyRun(search.run)} remove={() => filters.set({ run: undefined })} /> : null}
        <SavedFilters list="audit" tenant={id} search={search} fields={FIELDS} />
        {held.waiting > 0 ? <Button onClick={held.release}>{t.newOnes(held.waiting)}</Button> : null}
      </FilterBar>
      <Loaded query={list}>
        {(page) => {
          if (page.items.length === 0) return filters.active ? <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} /> : <NeverUsed sentence={t.never} />;
          return (
            <>
              <DataTable
                label={t.title}
                rows={held.shown}
                rowKey={keyOf}
                detail={(e) => (open.has(keyOf(e)) ? <Objects of={e} tenant={id} /> : null)}
                columns={[
                  {
                    key: 'at',
                    header: t.columns.at,
                    width: '178px',
                    cell: (e) => (
                      <time dateTime={e.at} title={precise(e.at)}>
                        {formatDay(e.at)}, {clockTimeSeconds(e.at)}
                      </time>
                    ),
                  },
                  { key: 'who', header: t.columns.who, width: 'minmax(0, 1fr)', cell: (e) => <Name>{e.actor.name || (e.actor.userId ? nameOf(e.actor.userId) : t.itself)}</Name> },
                  { key: 'event', header: t.columns.event, width: 'minmax(0, 1.5fr)', cell: (e) => <span title={e.event}>{[t.events[e.event] ?? e.event, e.operation ? (common.operations[e.operation] ?? e.operation) : ''].filter(Boolean).join(': ')}</span> },
                  {
                    key: 'target',
                    header: t.columns.target,
                    width: 'minmax(0, 1.2fr)',
                    cell: (e) => (
                      <span className={s.target}>
                        <Target of={e} tenant={id} />
                        {e.target && e.target.id !== search.target ? (
                          <Button
                            size="small"
                            appearance="transparent"
                            icon={<Filter16Regular />}
                            aria-label={`${t.onlyThis}: ${e.target.name || e.target.id}`}
                            title={t.onlyThis}
                            onClick={() => filters.set({ target: e.target?.id })}
                          />
                        ) : null}
                      </span>
                    ),
                  },
                  {
                    key: 'run',
                    header: t.columns.run,
                    width: '80px',
                    cell: (e) =>
                      e.runId ? (
                        <RunLink run={{ tenantId: id, id: e.runId }}>
                          <span title={e.runId}>…{e.runId.slice(-6)}</span>
                        </RunLink>
                      ) : (
                        common.nothing
                      ),
                  },
                  {
                    key: 'details',
                    header: t.columns.details,
                    width: 'minmax(0, 1.4fr)',
                    whole: true,
                    cell: (e) => (
                      <span className={s.details}>
                        <Details of={e} nameOf={nameOf} />
                        {e.objects?.length ? (
                          <Button size="small" appearance="subtle" aria-expanded={open.has(keyOf(e))} onClick={() => toggle(keyOf(e))}>
                            {t.objects(e.objects.length)}
                          </Button>
                        ) : null}
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
    </Page>
  );
}

function Chosen({ words, remove }: { words: string; remove: () => void }) {
  return (
    <Button icon={<Dismiss16Regular />} iconPosition="after" aria-label={t.removeFilter(words)} onClick={remove}>
      <span className={s.chosen}>
        <bdi>{words}</bdi>
      </span>
    </Button>
  );
}
