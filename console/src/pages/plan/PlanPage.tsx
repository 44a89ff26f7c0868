// The plan of a preview: what a live restore would do to each object, setting by
// setting. Whoever may restore takes out what is not wanted and confirms the rest.
import { Button, Checkbox } from '@fluentui/react-components';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import { start } from '../../api/start';
import type { Run } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { follow } from '../../shell/activity';
import { useTenant } from '../../shell/tenant';
import { common, plan as t } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { CommandLink } from '../../ui/CommandLink';
import { Facets, FilterBar, FilterSearch } from '../../ui/FilterBar';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { RunStartButton } from '../../ui/RunStartButton';
import { Tabs } from '../../ui/Tabs';
import { TenantConfirmDialog } from '../../ui/TenantConfirmDialog';
import { Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { useMarks } from '../../ui/useMarks';
import { PlanItem } from './PlanItem';
import s from './plan.module.css';

const route = getRouteApi('/shell/t/$tenant/runs/$run/plan');
type Plan = components['schemas']['PlanView'];
type Item = components['schemas']['PlanItemView'];
type Action = NonNullable<Item['action']>;

const PAGE = 50;
const OPEN = 10; // items that are open at first
const ACTIONS: Action[] = ['create', 'update', 'delete', 'blocked', 'none'];
const writes = (item: Item) => item.action === 'create' || item.action === 'update' || item.action === 'delete';

export function PlanPage() {
  const { tenant: tenantId, run: id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['action', 'q', 'item']);
  // What is taken out lives in memory, by plan.
  const out = useMarks<Item>(`plan ${id}`);
  const [deletes, setDeletes] = useState(false);
  const action = search.action?.[0];
  const query = { pageSize: PAGE, pageToken: search.page, action: search.action, q: search.q };
  const path = { tenant: tenantId, run: id };
  const plan = usePolled<Plan>({
    key: keys.of(tenantId, 'plan', id, query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}/plan', { params: { path, query }, signal })),
    pace: (p) => (p && !p.digest ? 'active' : 'idle'),
    keep: true,
  });
  const run = usePolled<Run>({
    key: keys.of(tenantId, 'run', id),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path }, signal })),
    pace: (r) => (r && (r.status === 'queued' || r.status === 'running') ? 'active' : 'ended'),
  });
  const p = plan.data;
  if (!p) {
    return (
      <Page title={t.title} crumbs={<Crumbs tenant={tenantId} run={id} />}>
        <Loaded query={plan}>{() => null}</Loaded>
      </Page>
    );
  }
  const left = [...out.marks.values()];
  const without = (a: Action) => left.filter((i) => i.action === a).length;
  const creates = p.counts.create - without('create');
  const updates = p.counts.update - without('update');
  const removed = deletes ? p.counts.delete - without('delete') : 0;
  const total = creates + updates + removed;
  const confirming = search.confirm === 1 && p.applicable && total > 0;
  const setConfirm = (on: boolean) => filters.go({ confirm: on ? 1 : undefined });
  const undoes = run.data?.related?.find((r) => r.kind === 'undo_of')?.id;
  const again =
    run.data?.target.kind === 'backup_set' ? (
      <CommandLink to="/t/$tenant/restore" params={{ tenant: tenantId }} search={{ set: run.data.target.id }}>
        {t.again}
      </CommandLink>
    ) : undoes ? (
      <RunStartButton
        role={role}
        need="operator"
        ask={(key) => api.POST('/v1/tenants/{tenant}/previews', { params: { path: { tenant: tenantId }, header: { 'Idempotency-Key': key } }, body: { undoOf: undoes } })}
        onStarted={(next) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant: tenantId, run: next.id } })}
      >
        {t.again}
      </RunStartButton>
    ) : null;
  const tab = search.tab ?? 'changes';
  const items = search.item ? p.items.filter((i) => i.key === search.item) : p.items;
  const shown = items.length > 0 ? items : p.items;
  const opened = new Set(shown.filter((i) => i.action !== 'none').slice(0, OPEN).map((i) => i.key));

  return (
    <Page
      title={t.title}
      heading={<Name as="title">{t.heading(p.tenantName)}</Name>}
      crumbs={<Crumbs tenant={tenantId} run={id} />}
      sentence={
        p.digest ? (
          <>
            {t.nothingChanged} {t.counts(p.counts)}
          </>
        ) : (
          <>
            {t.waits} <Sentence text={run.data?.sentence ?? ''} names={[p.tenantName, run.data?.target.name]} />
          </>
        )
      }
      commands={
        <>
          {p.applicable ? (
            <ActionButton primary role={role} need="restorer" blocked={total === 0 ? t.nothing : undefined} act={() => setConfirm(true)}>
              {t.restore(total)}
            </ActionButton>
          ) : null}
          {again}
          <CommandLink to="/t/$tenant/runs/$run" params={path}>
            {t.view}
          </CommandLink>
          {p.comparedAt ? (
            <span className={s.meta}>
              {t.read} <Time at={p.comparedAt} />
            </span>
          ) : null}
        </>
      }
    >
      {p.appliedBy ? (
        <Notice>
          <p>
            {t.applied} <RunLink run={{ tenantId, id: p.appliedBy.id }} />
          </p>
        </Notice>
      ) : p.digest && !p.applicable && p.counts.create + p.counts.update + p.counts.delete > 0 ? (
        <Notice kind="warning">
          <p>{t.gone}</p>
        </Notice>
      ) : null}
      {p.deletes && p.applicable ? <Checkbox label={t.deletes(p.counts.delete)} checked={deletes} onChange={(_, d) => setDeletes(d.checked === true)} /> : null}
      {left.length > 0 ? (
        <Notice commands={<Button onClick={out.clear}>{t.takeBack}</Button>}>
          <p>{t.out(left.length)}</p>
        </Notice>
      ) : null}
      <Facets
        label={t.actions}
        value={action ?? ''}
        onChange={(next) => filters.set({ action: next ? [next as Action] : undefined } as Partial<typeof search>)}
        options={[
          { value: '', label: t.all, count: ACTIONS.reduce((sum, a) => sum + p.counts[a], p.counts.failed) },
          ...ACTIONS.filter((a) => p.counts[a] > 0).map((a) => ({ value: a, label: t.action[a] ?? a, count: p.counts[a] })),
        ]}
      />
      <FilterBar active={filters.active} clear={filters.clear} result={common.results(shown.length, Boolean(p.nextPageToken), 'item', 'items')}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
      </FilterBar>
      <Tabs
        label={t.tabs}
        value={tab}
        options={(['changes', 'steps', 'raw'] as const).map((value) => ({ value, label: t.tab[value] ?? value }))}
        onChange={(next) => filters.go({ tab: next === 'changes' ? undefined : next })}
      >
        {shown.length === 0 ? (
          filters.active > 0 ? (
            <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
          ) : (
            <NeverUsed sentence={p.digest ? t.never : t.waits} />
          )
        ) : (
          <>
            {shown.map((item) => (
              <PlanItem
                key={item.key}
                tenant={tenantId}
                run={id}
                item={item}
                tab={tab}
                open={opened.has(item.key)}
                choice={
                  p.applicable && writes(item)
                    ? {
                        chosen: !out.marks.has(item.key),
                        left: out.marks,
                        set: (chosen) => {
                          const next = new Set(out.marks.keys());
                          if (chosen) next.delete(item.key);
                          else next.add(item.key);
                          out.select(next, [item], (each) => each.key);
                        },
                      }
                    : undefined
                }
              />
            ))}
            <Pager page={search.page} next={p.nextPageToken} go={(page) => filters.go({ page })} />
          </>
        )}
      </Tabs>
      <TenantConfirmDialog
        open={confirming}
        title={t.confirmTitle(total, p.tenantName)}
        tenantName={p.tenantName}
        confirm={t.confirm(total)}
        back={t.back}
        onClose={() => setConfirm(false)}
        onConfirm={async ({ tenantName, reason, key }) => {
          const live = await start<Run>(
            (k) =>
              api.POST('/v1/tenants/{tenant}/restores', {
                params: { path: { tenant: tenantId }, header: { 'Idempotency-Key': k } },
                body: { planRunId: id, planDigest: p.digest ?? '', tenantName, reason, deletes: deletes || undefined, except: left.length ? left.map((i) => i.key) : undefined },
              }),
            key,
          );
          follow(live);
          void navigate({ to: '/t/$tenant/runs/$run', params: { tenant: tenantId, run: live.id } });
        }}
      >
        <p>
          <Name as="whole">{p.tenantName}</Name>
        </p>
        <p>{t.confirmText(creates, updates, removed, left.length)}</p>
        <Warnings items={p.items.filter((i) => !out.marks.has(i.key))} />
      </TenantConfirmDialog>
    </Page>
  );
}

/** The warnings of the items on the page, each once with how many have it. */
function Warnings({ items }: { items: Item[] }) {
  const found = new Map<string, { sentence: string; n: number }>();
  for (const item of items) {
    for (const w of writes(item) ? (item.warnings ?? []) : []) found.set(w.sentence, { sentence: w.sentence, n: (found.get(w.sentence)?.n ?? 0) + 1 });
  }
  if (found.size === 0) return null;
  return (
    <Notice kind="warning">
      {[...found.values()].map((w) => (
        <p key={w.sentence}>
          {w.sentence} {w.n > 1 ? `(${w.n})` : ''}
        </p>
      ))}
    </Notice>
  );
}

const Crumbs = ({ tenant, run }: { tenant: string; run: string }) => (
  <>
    <Link to="/t/$tenant/runs" params={{ tenant }}>
      {t.runs}
    </Link>{' '}
    / <RunLink run={{ tenantId: tenant, id: run }} />
  </>
);
