// What a restore would do, object by object and setting by setting, before anything
// is written: read, select, confirm. The same page shows the plan of an undo.
import { Button, Switch } from '@fluentui/react-components';
import { ArrowDownload20Regular, ArrowSync20Regular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { api } from '../../api/client';
import { exactText } from '../../api/exact';
import { keys } from '../../api/keys';
import { MOST_NAMED } from '../../api/limits';
import type { Plan, PlanItem, Run } from '../../api/types';
import { serverNow } from '../../format/clock';
import { absolute, clockTime } from '../../format/format';
import { announce } from '../../shell/announce';
import { registerList } from '../../shell/keys';
import { useTenant } from '../../shell/tenant';
import { common, plan as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { download, fileName } from '../../ui/download';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NothingMatches, Page, Skeleton } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { ProgressBar } from '../../ui/ProgressBar';
import { includes, RunStartButton } from '../../ui/RunStartButton';
import { isTerminal, shownStatus, StatusBadge } from '../../ui/status';
import { Tabs } from '../../ui/Tabs';
import { Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { mark, useMarks } from '../../ui/useMarks';
import { CopyLink, FailureCodes } from '../run/RunPage';
import { reasonWords } from '../run/reasons';
import { useRun } from '../run/useRun';
import { actionOf, PlanObject, writesOf, type PlanTab } from './PlanObject';
import { RestoreDialog, warningWords } from './RestoreDialog';
import { useDetails, usePlanHead, usePlanItems, useWanted } from './usePlan';
import s from './plan.module.css';
import ui from '../../ui/ui.module.css';

const route = getRouteApi('/shell/t/$tenant/runs/$run/plan');
const PAGE = 50; // objects
const OPEN = 10; // of them, opened by themselves
const SEARCHED = 500; // objects whose settings are looked into
const ACTIONS = ['create', 'update', 'delete', 'blocked', 'failed', 'none'] as const;
const USUAL: string[] = ['create', 'update', 'delete', 'blocked', 'failed'];

export function PlanPage() {
  const { tenant, run: id } = route.useParams();
  const name = useTenant()?.name ?? '';
  const query = useRun(tenant, id);
  const run = query.data;
  const ended = run ? isTerminal(run) : false;
  const head = usePlanHead(tenant, id, ended);
  const undoOf = run?.related?.find((r) => r.kind === 'undo_of')?.id;
  const ready = head.data?.digest ? head.data : undefined;
  const title = run ? (undoOf ? t.undoTitle(run.tenantName || name) : t.title(run.tenantName || name)) : t.plain;
  return (
    <Page
      title={title}
      heading={run ? <Sentence text={title} names={[run.tenantName || name]} /> : undefined}
      crumbs={run ? <Crumbs run={run} undoOf={undoOf} /> : undefined}
      badges={run && !ended ? <StatusBadge status={shownStatus(run)} /> : undefined}
      sentence={ready ? t.sentence(ready.counts) : run ? <Sentence text={run.sentence} names={[run.target.name, run.tenantName]} /> : undefined}
    >
      <Loaded query={query}>
        {(r) =>
          isTerminal(r) ? (
            <Loaded query={head}>{(plan) => (plan.digest ? <Ready key={id} run={r} plan={plan} undoOf={undoOf} /> : <WithoutPlan run={r} undoOf={undoOf} />)}</Loaded>
          ) : (
            <Comparing run={r} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Crumbs({ run, undoOf }: { run: Run; undoOf: string | undefined }) {
  const path = { tenant: run.tenantId };
  if (undoOf) {
    return (
      <>
        <Link to="/t/$tenant/runs" params={path}>{t.crumbRuns}</Link> / <RunLink run={{ tenantId: run.tenantId, id: undoOf }}>{t.crumbUndone}</RunLink>
      </>
    );
  }
  if (run.target.kind === 'backup_set') {
    return (
      <>
        <Link to="/t/$tenant/sets" params={path}>{t.crumbSets}</Link> /{' '}
        <Link to="/t/$tenant/sets/$set" params={{ ...path, set: run.target.id }}><Name as="whole">{run.target.name}</Name></Link>
      </>
    );
  }
  if (run.target.kind === 'policy') {
    return (
      <>
        <Link to="/t/$tenant/policies" params={path}>{t.crumbPolicies}</Link> /{' '}
        <Link to="/t/$tenant/policies/$policy" params={{ ...path, policy: run.target.id }}><Name as="whole">{run.target.name}</Name></Link>
      </>
    );
  }
  return <Link to="/t/$tenant/runs" params={path}>{t.crumbRuns}</Link>;
}

function Comparing({ run }: { run: Run }) {
  return (
    <>
      {run.counts.total > 0 ? <ProgressBar counts={run.counts} /> : null}
      <p className={s.asOf}>{t.comparing}</p>
      <div className={ui.commands}>
        <CommandLink to="/t/$tenant/runs/$run" params={{ tenant: run.tenantId, run: run.id }}>
          {t.viewRun}
        </CommandLink>
        <CopyLink />
      </div>
      <Skeleton rows={4} />
    </>
  );
}

function WithoutPlan({ run, undoOf }: { run: Run; undoOf: string | undefined }) {
  const role = useTenant()?.role;
  return (
    <>
      <Notice kind={run.status === 'canceled' ? 'info' : 'error'} commands={run.failure ? <FailureCodes failure={run.failure} more={[run.failure.code]} /> : undefined}>
        <p>{run.failure ? <Sentence text={run.failure.sentence} names={[run.target.name, run.tenantName]} /> : t.noPlan}</p>
        {run.failure?.next ? (
          <p>
            <strong>{t.next}</strong> {run.failure.next}
          </p>
        ) : null}
      </Notice>
      <div className={ui.commands}>
        {undoOf || run.target.kind === 'backup_set' ? <PreviewAgain run={run} undoOf={undoOf} items={[]} role={role} primary /> : null}
        <CommandLink to="/t/$tenant/runs/$run" params={{ tenant: run.tenantId, run: run.id }}>
          {t.viewRun}
        </CommandLink>
      </div>
    </>
  );
}


/** Makes the plan anew, for the same items. */
function PreviewAgain({ run, undoOf, items, role, primary = false }: { run: Run; undoOf: string | undefined; items: PlanItem[]; role: Parameters<typeof includes>[0]; primary?: boolean }) {
  const navigate = useNavigate();
  const tenant = run.tenantId;
  const versions = items.flatMap((i) => (i.version ? [{ policyId: i.key, version: i.version }] : []));
  return (
    <RunStartButton
      role={role}
      need="operator"
      primary={primary}
      icon={<ArrowSync20Regular />}
      onStarted={(next) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant, run: next.id } })}
      ask={(key) => {
        const header = { 'Idempotency-Key': key };
        if (!undoOf && run.target.kind === 'backup_set') {
          const policies = items.length > 0 && items.length <= MOST_NAMED ? items.map((i) => i.key) : undefined;
          return api.POST('/v1/tenants/{tenant}/backup-sets/{set}/previews', { params: { path: { tenant, set: run.target.id }, header }, body: { policies } });
        }
        return api.POST('/v1/tenants/{tenant}/previews', { params: { path: { tenant }, header }, body: undoOf ? { undoOf } : { versions: versions.slice(0, MOST_NAMED) } });
      }}
    >
      {t.previewAgain}
    </RunStartButton>
  );
}

/** The worst first: what has warnings, what is written, what is not. */
function ranked(items: PlanItem[]): PlanItem[] {
  const rank = (i: PlanItem) => (writesOf(i) ? ((i.warnings ?? []).some((w) => w.code !== 'new_id') ? 0 : 1) : { failed: 2, blocked: 3 }[actionOf(i)] ?? 4);
  return items.map((item, at) => ({ item, at })).sort((a, b) => rank(a.item) - rank(b.item) || a.at - b.at).map(({ item }) => item);
}

function Ready({ run, plan, undoOf }: { run: Run; plan: Plan; undoOf: string | undefined }) {
  const items = usePlanItems(run.tenantId, run.id, plan);
  return <Loaded query={items} rows={8}>{(all) => <Content run={run} plan={plan} all={all} undoOf={undoOf} />}</Loaded>;
}

function Content({ run, plan, all, undoOf }: { run: Run; plan: Plan; all: PlanItem[]; undoOf: string | undefined }) {
  const tenant = run.tenantId;
  const search = route.useSearch();
  const navigate = useNavigate();
  const client = useQueryClient();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['action', 'warning', 'type', 'q']);
  const items = useMemo(() => ranked(all), [all]);
  const exceptKey = `plan ${run.id}`;
  const except = useMarks<PlanItem>(exceptKey);
  const [deletes, setDeletes] = useState(false);
  const [opened, setOpened] = useState<ReadonlyMap<string, boolean>>(new Map());
  const body = useRef<HTMLDivElement>(null);

  const chosen = (i: PlanItem) => writesOf(i) && !except.ids.has(i.key) && (i.action !== 'delete' || deletes);
  const selected = items.filter(chosen);
  const writable = items.filter((i) => writesOf(i) && (i.action !== 'delete' || deletes));
  const check = (some: PlanItem[], on: boolean) => {
    const next = new Map(except.marks);
    for (const i of some) {
      if (on) next.delete(i.key);
      else next.set(i.key, i);
    }
    mark(exceptKey, next);
  };

  // Dependencies: what is left out may be what another item needs.
  const written = items.filter((i) => i.action === 'create' || i.action === 'update');
  const leftOutCreates = written.some((i) => i.action === 'create' && except.ids.has(i.key));
  const small = written.length <= SEARCHED;
  const dependants = useWanted(tenant, run.id, written, leftOutCreates && small);
  const needs = leftOutCreates
    ? selected.flatMap((i) =>
        (dependants.found.get(i.key)?.references ?? []).flatMap((r) => {
          const other = r.creates && except.ids.has(r.creates) ? items.find((o) => o.key === r.creates) : undefined;
          return other ? [{ item: i, other }] : [];
        }),
      )
    : [];

  // Filters. The settings of objects are looked into when something is typed.
  const actions = search.action ?? USUAL;
  const wanted = (search.q ?? '').toLocaleLowerCase();
  const looked = useWanted(tenant, run.id, items.slice(0, SEARCHED), wanted.length > 1);
  const hit = (i: PlanItem) =>
    !wanted || i.name.toLocaleLowerCase().includes(wanted) || (looked.found.get(i.key)?.changed?.changes ?? []).some((c) => c.label.toLocaleLowerCase().includes(wanted));
  const shown = items.filter(
    (i) =>
      i.key === search.item ||
      ((actions as string[]).includes(actionOf(i)) && (!search.type || search.type.includes(i.type)) && (!search.warning || (i.warnings ?? []).some((w) => search.warning?.includes(w.code))) && hit(i)),
  );
  const linked = search.item ? shown.findIndex((i) => i.key === search.item) : -1;
  const asked = /^[1-9]\d{0,4}$/.test(search.page ?? '') ? Number(search.page) : linked >= 0 ? Math.floor(linked / PAGE) + 1 : 1;
  const page = Math.min(asked, Math.max(1, Math.ceil(shown.length / PAGE)));
  const here = shown.slice((page - 1) * PAGE, page * PAGE);

  const checkRef = useRef((key: string) => key);
  checkRef.current = (key) => {
    const item = items.find((i) => i.key === key);
    if (item && writable.includes(item)) check([item], !chosen(item));
    return key;
  };
  useEffect(() => registerList(() => body.current, (key) => void checkRef.current(key)), []);
  useEffect(() => {
    if (search.item) body.current?.querySelector(`[data-row="${CSS.escape(search.item)}"]`)?.scrollIntoView({ block: 'center' });
  }, [search.item]);

  const warnings = countWarnings(items);
  const types = countTypes(items);
  const tab: PlanTab = search.tab ?? 'changes';
  const canRestore = plan.applicable && includes(role, 'restorer');
  const n = selected.length;
  const refused = n === 0 ? t.nothingChosen : n > MOST_NAMED && writable.length - n > MOST_NAMED ? t.tooMany(MOST_NAMED) : undefined;
  const label = undoOf ? t.undo(n) : t.restore(n);
  const tooOld = !plan.appliedBy && plan.applicableUntil !== undefined && Date.parse(plan.applicableUntil) <= serverNow();
  const removable = plan.counts.delete;

  const toggle = (action: string) => {
    const next = ACTIONS.filter((a) => (a === action ? !(actions as string[]).includes(a) : (actions as string[]).includes(a)));
    const usual = next.length === USUAL.length && next.every((a) => USUAL.includes(a));
    filters.set({ action: usual || next.length === 0 ? undefined : next });
  };
  const previewAgain = (primary: boolean) => <PreviewAgain run={run} undoOf={undoOf} items={all} role={role} primary={primary} />;

  return (
    <>
      <div className={ui.commands}>
        {plan.applicable ? (
          <ForRole role={role} need="restorer" label={label}>
            <Button appearance="primary" disabledFocusable={refused !== undefined} title={refused} onClick={() => refused === undefined && filters.go({ confirm: 1 })}>
              {label}
            </Button>
          </ForRole>
        ) : null}
        {plan.appliedBy ? (
          <CommandLink to="/t/$tenant/runs/$run" params={{ tenant, run: plan.appliedBy.id }} primary>
            {t.viewApplied}
          </CommandLink>
        ) : null}
        {previewAgain(tooOld)}
        <Download run={run} plan={plan} items={all} />
        <CopyLink />
      </div>
      {plan.appliedBy ? (
        <Notice kind="info">
          <p>{t.applied}</p>
        </Notice>
      ) : tooOld ? (
        <Notice kind="warning">
          <p>
            {t.tooOld} {t.tooOldNext}
          </p>
        </Notice>
      ) : null}
      <p className={`${s.asOf} inText`}>
        {plan.comparedAt ? (
          <>
            {t.readAt} <Time at={plan.comparedAt} /> ({clockTime(plan.comparedAt)}). {t.skipsChanged}{' '}
          </>
        ) : null}
        {plan.applicable && plan.applicableUntil ? `${t.until} ${absolute(plan.applicableUntil)}. ` : ''}
        <RunLink run={run}>{t.viewRun}</RunLink>
      </p>
      {removable > 0 && plan.applicable ? (
        <label className={s.delete}>
          <input type="checkbox" checked={deletes} onChange={(e) => setDeletes(e.target.checked)} />
          <span>
            {t.alsoDelete(removable)}
            <span className={s.quiet}>{t.alsoDeleteHint}</span>
          </span>
        </label>
      ) : null}
      {warnings.size > 0 ? (
        <Warnings warnings={warnings} undo={Boolean(undoOf)} items={items} active={search.warning} show={(codes) => filters.set({ warning: codes })} />
      ) : null}
      {leftOutCreates ? (
        <div aria-live="polite">
          {!small ? (
            <Notice kind="warning">
              <p>{t.notLooked}</p>
            </Notice>
          ) : needs.length > 0 ? (
            <Notice kind="warning" commands={<Button onClick={() => check(needs.map((x) => x.other), true)}>{t.putBack}</Button>}>
              <p>{t.leftOut(new Set(needs.map((x) => x.item.key)).size)}</p>
              <ul className={s.warnings}>
                {needs.slice(0, 10).map(({ item, other }) => (
                  <li key={`${item.key} ${other.key}`}>
                    <bdi>{item.name}</bdi>
                    {t.needs('', '').words}
                    <bdi>{other.name}</bdi>
                  </li>
                ))}
              </ul>
              <p>{t.needsEnd}</p>
            </Notice>
          ) : dependants.done < dependants.total ? (
            <p className={s.asOf}>{t.looking}</p>
          ) : null}
        </div>
      ) : null}
      <FilterBar
        active={filters.active}
        clear={filters.clear}
        result={wanted && looked.done < looked.total ? t.searching(looked.done, looked.total) : common.results(shown.length, false, 'item', 'items')}
      >
        <div className={ui.chips} role="group" aria-label={t.actions}>
          {ACTIONS.filter((a) => plan.counts[a] > 0).map((a) => (
            <button key={a} type="button" className={ui.chip} aria-pressed={(actions as string[]).includes(a)} onClick={() => toggle(a)}>
              {t.action[a]} {plan.counts[a]}
            </button>
          ))}
        </div>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        {types.length > 1 ? <FilterMenu label={t.types} options={types} value={search.type} onChange={(type) => filters.set({ type })} /> : null}
        {warnings.size > 1 ? (
          <FilterMenu label={t.warningFilter} options={[...warnings].map(([value, count]) => ({ value, label: reasonWords(value), count }))} value={search.warning} onChange={(warning) => filters.set({ warning })} />
        ) : null}
        <Switch label={t.onlyChanged} checked={search.full !== 1} onChange={(_, d) => filters.go({ full: d.checked ? undefined : 1 })} />
      </FilterBar>
      <Tabs
        label={t.tabsLabel}
        value={tab}
        onChange={(next) => filters.go({ tab: next === 'changes' ? undefined : next })}
        options={(['changes', 'steps', 'raw'] as const).map((value) => ({ value, label: t.tabs[value] }))}
      >
        {canRestore && writable.length > 0 ? (
          <div className={s.tools}>
            <span className={s.asOf} role="status">{t.chosen(n, writable.length)}</span>
            <Button size="small" appearance="subtle" onClick={() => check(shown.filter((i) => writable.includes(i)), true)}>
              {t.checkAll}
            </Button>
            <Button size="small" appearance="subtle" onClick={() => check(shown.filter((i) => writable.includes(i)), false)}>
              {t.checkNone}
            </Button>
          </div>
        ) : null}
        {shown.length === 0 ? (
          <NothingMatches what={t.noun} filters={Math.max(1, filters.active)} clear={filters.clear} />
        ) : (
          <div className={s.list}>
            {tab === 'changes' ? (
              <div className={s.columns} aria-hidden="true">
                {(['setting', 'live', 'backup', 'effect'] as const).map((c) => (
                  <span key={c}>{t.columns[c]}</span>
                ))}
              </div>
            ) : null}
            <div ref={body}>
              {here.map((item, i) => (
                <PlanObject
                  key={item.key}
                  tenant={tenant}
                  run={run.id}
                  item={item}
                  tab={tab}
                  full={search.full === 1}
                  q={search.q}
                  open={opened.get(item.key) ?? (item.key === search.item || (i < OPEN && item.action === 'update') || Boolean(wanted && i < OPEN))}
                  onOpen={(open) => setOpened(new Map(opened).set(item.key, open))}
                  checked={chosen(item)}
                  onCheck={canRestore && writable.includes(item) ? (on) => check([item], on) : undefined}
                />
              ))}
            </div>
          </div>
        )}
        <Pager page={page > 1 ? String(page) : undefined} next={shown.length > page * PAGE ? String(page + 1) : undefined} go={(next) => filters.go({ page: next, item: undefined })} />
      </Tabs>
      {canRestore && refused === undefined ? (
        <RestoreDialog
          open={search.confirm === 1}
          run={run}
          plan={plan}
          items={items}
          selected={selected}
          deletes={deletes}
          undo={Boolean(undoOf)}
          onClose={() => void navigate({ to: '.', search: ((was: object) => ({ ...was, confirm: undefined })) as never, replace: true })}
          onStarted={(next) => {
            void client.invalidateQueries({ queryKey: keys.of(tenant, 'plan', run.id) });
            // Back leads to the plan, not to its confirmation.
            void navigate({ to: '.', search: ((was: object) => ({ ...was, confirm: undefined })) as never, replace: true }).then(() =>
              navigate({ to: '/t/$tenant/runs/$run', params: { tenant, run: next.id } }),
            );
          }}
          previewAgain={previewAgain(false)}
        />
      ) : null}
    </>
  );
}

function countWarnings(items: PlanItem[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const i of items) if (writesOf(i)) for (const w of i.warnings ?? []) counts.set(w.code, (counts.get(w.code) ?? 0) + 1);
  return counts;
}

function countTypes(items: PlanItem[]): { value: string; label: string; count: number }[] {
  const found = new Map<string, { value: string; label: string; count: number }>();
  for (const i of items) {
    const type = found.get(i.type) ?? { value: i.type, label: i.typeTitle, count: 0 };
    type.count++;
    found.set(i.type, type);
  }
  return [...found.values()].sort((a, b) => a.label.localeCompare(b.label));
}

function Warnings({ warnings, undo, items, active, show }: { warnings: Map<string, number>; undo: boolean; items: PlanItem[]; active: string[] | undefined; show: (codes: string[] | undefined) => void }): ReactNode {
  const codes = [...warnings.keys()];
  const affected = items.filter((i) => writesOf(i) && (i.warnings ?? []).length > 0).length;
  const all = active?.length === codes.length;
  return (
    <Notice kind="warning" commands={<Button size="small" onClick={() => show(all ? undefined : codes)}>{all ? t.showAll : t.showItems(affected)}</Button>}>
      <p>
        <strong>{t.warnings(codes.length, undo)}</strong>
      </p>
      <p>{codes.map((code) => warningWords(code, warnings.get(code) ?? 0)).join(' · ')}</p>
    </Notice>
  );
}

function Download({ run, plan, items }: { run: Run; plan: Plan; items: PlanItem[] }) {
  const read = useDetails(run.tenantId, run.id);
  const [done, setDone] = useState<number | null>(null);
  const total = items.filter((i) => i.detail).length;
  const save = async () => {
    if (done !== null) return;
    setDone(0);
    const found = await read(items, (now) => setDone(now));
    setDone(null);
    const { items: _items, nextPageToken: _next, ...head } = plan;
    download(`${fileName(`plan-${run.target.name}-${plan.comparedAt ?? ''}`)}.json`, exactText({ ...head, items: items.map((i) => found.get(i.key) ?? i) }));
    announce(t.downloaded);
  };
  return (
    <Button appearance="subtle" icon={<ArrowDownload20Regular />} disabledFocusable={done !== null} onClick={() => void save()}>
      {done === null ? t.download : t.downloading(done, total)}
    </Button>
  );
}
