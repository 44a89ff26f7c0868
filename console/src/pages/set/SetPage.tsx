// One backup set: how it is filled, what it holds and lacks, which runs made it, and
// what changed since another one.
import { Button } from '@fluentui/react-components';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { api, data, read } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolicyTypes } from '../../api/policyTypes';
import type { BackupSet, Run, RunList } from '../../api/types';
import { serverNow } from '../../format/clock';
import { formatList } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { common, set as t, sets } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { Link, RunLink, RunTitle, Sentence } from '../../ui/links';
import { Notice, ProblemNotice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { ProgressBar } from '../../ui/ProgressBar';
import { RunAnswer, RunStartButton } from '../../ui/RunStartButton';
import { isTerminal, shownStatus, StatusBadge, StatusText } from '../../ui/status';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { platformWords } from '../policies/platforms';
import { RunTable } from '../../ui/RunTable';
import { setIcons } from '../sets/icons';
import { CompareTab } from './CompareTab';
import { CoverageTab, lacks, useCoverage } from './CoverageTab';
import { AddDialog, DeleteDialog, RenameDialog } from './dialogs';
import { ItemsTab } from './ItemsTab';
import s from './set.module.css';

const route = getRouteApi('/shell/t/$tenant/sets/$set');

export function SetPage() {
  const { tenant, set: id } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const client = useQueryClient();
  const filters = useFilters(search, []);
  const [dialog, setDialog] = useState<'' | 'rename' | 'delete' | 'add'>('');
  const [started, setStarted] = useState<Run | null>(null);
  const [fault, setFault] = useState<unknown>(null);
  const tab = search.tab ?? 'items';

  const key = keys.of(tenant, 'set', id);
  const set = usePolled<{ data: BackupSet; tag: string }>({
    key,
    ask: (signal) => read(api.GET('/v1/tenants/{tenant}/backup-sets/{set}', { params: { path: { tenant, set: id } }, signal })),
    pace: (found) => (found && found.data.activeRuns.length > 0 ? 'active' : 'idle'),
  });
  const b = set.data?.data;
  const deleted = Boolean(b?.deletedAt);
  const filling = (b?.activeRuns.length ?? 0) > 0;
  const coverage = useCoverage(tenant, id, b?.updatedAt ?? '', Boolean(b && !deleted && !filling));
  const lacking = coverage.data?.types.filter((type) => lacks(type) > 0).length;

  // Content that was read while it was being filled is old when that has ended.
  const was = useRef(filling);
  useEffect(() => {
    if (was.current && !filling) void client.invalidateQueries({ queryKey: keys.tenant(tenant) });
    was.current = filling;
  }, [client, filling, tenant]);

  // Deleting and recovering take away the button that had the focus.
  const stood = useRef<boolean | null>(null);
  useEffect(() => {
    if (!b || dialog !== '') return;
    if (stood.current !== null && stood.current !== deleted) document.querySelector<HTMLElement>('main h1')?.focus();
    stood.current = deleted;
  }, [b, deleted, dialog]);

  const took = () => void client.invalidateQueries({ queryKey: key });
  const recover = async () => {
    setFault(null);
    try {
      await data(api.POST('/v1/tenants/{tenant}/backup-sets/{set}/recovery', { params: { path: { tenant, set: id } } }));
      announce(t.recovered);
      await client.invalidateQueries({ queryKey: keys.tenant(tenant) });
    } catch (err) {
      setFault(err);
    }
  };
  const missing = b?.counts ? b.counts.missing : 0;
  const commands = (found: BackupSet): ReactNode =>
    found.deletedAt ? (
      found.recoverableUntil && Date.parse(found.recoverableUntil) > serverNow() ? (
        <ForRole role={role} need="owner" label={t.recover}>
          <Button appearance="primary" onClick={() => void recover()}>
            {t.recover}
          </Button>
        </ForRole>
      ) : undefined
    ) : (
      <>
        {/* While nothing was captured yet, there is nothing to restore. */}
        {found.counts && found.counts.captured + found.counts.incomplete > 0 ? (
          <ForRole role={role} need="operator" label={t.restore}>
            <CommandLink to="/t/$tenant/restore" params={{ tenant }} search={{ set: id }} primary>
              {t.restore}
            </CommandLink>
          </ForRole>
        ) : null}
        <ForRole role={role} need="operator" label={t.add}>
          <Button onClick={() => setDialog('add')}>{t.add}</Button>
        </ForRole>
        {missing > 0 && !filling ? (
          <RunStartButton
            role={role}
            need="operator"
            onStarted={took}
            ask={(once) =>
              api.POST('/v1/tenants/{tenant}/backup-sets/{set}/items', {
                params: { path: { tenant, set: id }, header: { 'Idempotency-Key': once } },
                body: { selection: { missing: true } },
              })
            }
          >
            {t.captureMissing(missing)}
          </RunStartButton>
        ) : null}
        <ForRole role={role} need="operator" label={t.rename}>
          <Button appearance="subtle" onClick={() => setDialog('rename')}>
            {t.rename}
          </Button>
        </ForRole>
        <ForRole role={role} need="owner" label={t.delete}>
          <Button appearance="subtle" onClick={() => setDialog('delete')}>
            {t.delete}
          </Button>
        </ForRole>
        {started && !filling ? <span className="inText"><RunAnswer run={started} /></span> : null}
      </>
    );

  return (
    <Page
      title={b?.name ?? t.title}
      crumbs={<Link to="/t/$tenant/sets" params={{ tenant }}>{sets.title}</Link>}
      badges={b && !deleted ? <StatusBadge status={b.state === 'complete' ? 'succeeded' : (setIcons[b.state] ?? 'queued')} words={sets.states[b.state] ?? b.state} /> : undefined}
      sentence={b && !deleted ? (coverage.data?.sentence ?? b.sentence) : undefined}
      commands={b ? commands(b) : undefined}
    >
      <Loaded query={set}>
        {({ data: found, tag }) => (
          <>
            {found.deletedAt ? (
              <Notice kind="warning">
                <p>
                  {t.deletedBy} <bdi>{found.deletedBy?.name}</bdi>, <Time at={found.deletedAt} />.
                </p>
                <p>{found.recoverableUntil && Date.parse(found.recoverableUntil) > serverNow() ? <>{t.until} <Time at={found.recoverableUntil} future />.</> : t.over}</p>
              </Notice>
            ) : null}
            {fault ? <ProblemNotice error={fault} retry={() => void recover()} /> : null}
            {found.activeRuns.map((run) => (
              <Progress key={run} tenant={tenant} run={run} />
            ))}
            <p className={s.facts}>
              <span>
                {t.createdBy} <bdi>{found.createdBy.name || t.schedule}</bdi>, <Time at={found.createdAt} />
              </span>
              <SelectionWords tenant={tenant} set={found} />
              {found.lastRunId ? <RunLink run={{ tenantId: tenant, id: found.lastRunId }}>{t.lastRun}</RunLink> : null}
            </p>
            {found.note ? <p className={s.note}><bdi>{found.note}</bdi></p> : null}
            <Tabs
              label={t.tabsLabel}
              value={tab}
              onChange={(next) => filters.go({ tab: next === 'items' ? undefined : next, page: undefined })}
              options={[
                { value: 'items' as const, label: t.tabs.items ?? '', count: found.counts?.policies },
                { value: 'coverage' as const, label: t.tabs.coverage ?? '', count: lacking || undefined },
                { value: 'runs' as const, label: t.tabs.runs ?? '' },
                { value: 'compare' as const, label: t.tabs.compare ?? '' },
              ]}
            >
              {tab === 'items' ? <ItemsTab tenant={tenant} set={found} search={search} /> : null}
              {tab === 'coverage' ? <CoverageTab tenant={tenant} set={found} role={role} onStarted={took} /> : null}
              {tab === 'runs' ? <RunsTab tenant={tenant} set={id} page={search.page} go={(page) => filters.go({ page })} /> : null}
              {tab === 'compare' ? <CompareTab tenant={tenant} set={found} search={search} /> : null}
            </Tabs>
            {dialog === 'rename' ? <RenameDialog set={found} tag={tag} open onClose={() => setDialog('')} /> : null}
            {dialog === 'delete' ? <DeleteDialog set={found} tag={tag} open onClose={() => setDialog('')} /> : null}
            {dialog === 'add' ? (
              <AddDialog
                set={found}
                open
                onClose={() => setDialog('')}
                onStarted={(run) => {
                  setStarted(run);
                  took();
                }}
              />
            ) : null}
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** What was asked for when the set was made. */
function SelectionWords({ tenant, set }: { tenant: string; set: BackupSet }) {
  const types = usePolicyTypes(tenant);
  const { all, policies, types: chosen, platforms, search, never } = set.selection;
  const parts = [
    all ? t.wholeTenant : '',
    policies?.length ? t.chosen(policies.length) : '',
    chosen?.length ? formatList(chosen.map((type) => types.data?.items.find((each) => each.id === type)?.title ?? type)) : '',
    platforms?.length ? formatList(platforms.map((platform) => platformWords(platform))) : '',
    search ? t.nameHas(search) : '',
    never ? t.neverOnly : '',
    set.includeFoundations ? t.withFoundations : '',
  ].filter(Boolean);
  return <span>{parts.join(', ')}</span>;
}

function Progress({ tenant, run: id }: { tenant: string; run: string }) {
  const run = usePolled<Run>({
    key: keys.of(tenant, 'run', id),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant, run: id } }, signal })),
    pace: (found) => (found && isTerminal(found) ? 'ended' : 'active'),
  });
  const r = run.data;
  if (!r || isTerminal(r)) return null;
  return (
    <section className={s.progress} aria-label={t.capturing}>
      <div className={s.progressLine}>
        <StatusText status={shownStatus(r)} />
        <span>
          <Sentence text={r.sentence} names={[r.target.name, r.tenantName]} />
        </span>
        <RunLink run={{ tenantId: tenant, id }}>
          {common.viewRun}
          <span className="visuallyHidden">: <RunTitle run={r} /></span>
        </RunLink>
      </div>
      <ProgressBar counts={r.counts} label={t.capturing} />
    </section>
  );
}

function RunsTab({ tenant, set, page, go }: { tenant: string; set: string; page: string | undefined; go: (page: string | undefined) => void }) {
  const query = { target: set, pageSize: 50, pageToken: page };
  const runs = usePolled<RunList>({
    key: keys.of(tenant, 'runs', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs', { params: { path: { tenant }, query }, signal })),
    pace: (list) => (list?.items.some((r) => !isTerminal(r)) ? 'active' : 'idle'),
    keep: true,
  });
  return (
    <Loaded query={runs}>
      {(list) =>
        list.items.length === 0 ? (
          <p>{t.noRuns}</p>
        ) : (
          <>
            <RunTable label={t.tabs.runs ?? ''} runs={list.items} />
            <Pager page={page} next={list.nextPageToken} go={go} />
          </>
        )
      }
    </Loaded>
  );
}

