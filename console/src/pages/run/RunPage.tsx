// One run: where it stands in a sentence, how far it is, what became of each item,
// and what can be done with it. It is asked for every two seconds until it has ended.
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { Run } from '../../api/types';
import { serverNow } from '../../format/clock';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { common, run as t } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { CommandLink } from '../../ui/CommandLink';
import { Link, RunTitle, runTitle, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { ProgressBar } from '../../ui/ProgressBar';
import { includes, RunStartButton } from '../../ui/RunStartButton';
import { isTerminal, shownStatus, StatusBadge } from '../../ui/status';
import { Tabs } from '../../ui/Tabs';
import { CopyButton, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { GraphFacts } from './GraphFacts';
import { Items } from './Items';
import { RerunDialog } from './RerunDialog';
import { RunTimeline } from './RunTimeline';
import { startAgain } from './startAgain';
import s from './run.module.css';

const route = getRouteApi('/shell/t/$tenant/runs/$run');
const SLOW_START = 90_000; // milliseconds; then people wonder

const writes = (run: Run) => run.operation === 'restore.execute' || run.operation === 'restore.rerun';

export function RunPage() {
  const { tenant: tenantId, run: id } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const navigate = useNavigate();
  const filters = useFilters(search, ['outcome', 'reason', 'q']);
  const [rerunning, setRerunning] = useState(false);
  const query = usePolled<Run>({
    key: keys.of(tenantId, 'run', id),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant: tenantId, run: id } }, signal })),
    pace: (run) => (run && isTerminal(run) ? 'ended' : 'active'),
  });
  const run = query.data;
  if (!run) {
    return (
      <Page title={t.title} crumbs={<Crumb tenant={tenantId} />}>
        <Loaded query={query}>{() => null}</Loaded>
      </Page>
    );
  }
  const names = [run.target.name, run.tenantName, run.initiator.name];
  const slow = run.status === 'queued' && serverNow() - Date.parse(run.createdAt) > SLOW_START;
  const tab = search.tab ?? (run.status === 'succeeded' ? 'all' : 'attention');
  const attention = (run.reasons ?? []).filter((r) => r.needsAttention).reduce((sum, r) => sum + r.items, 0);
  const rest = run.counts.skipped > 0 && run.status === 'canceled';
  const can = run.can ?? {};
  const again = startAgain(run);
  const openPlan = (next: Run) => void navigate({ to: '/t/$tenant/runs/$run/plan', params: { tenant: next.tenantId, run: next.id } });
  const openRun = (next: Run) => void navigate({ to: '/t/$tenant/runs/$run', params: { tenant: next.tenantId, run: next.id } });

  const commands = (
    <>
      {can.cancel ? (
        <ActionButton
          role={role}
          need={can.cancel.role}
          blocked={run.cancelAt ? t.canceling : undefined}
          said={t.cancelSaid}
          act={async () => {
            await data(api.POST('/v1/tenants/{tenant}/runs/{run}/cancel', { params: { path: { tenant: tenantId, run: id } } }));
            await query.refetch();
          }}
        >
          {t.cancel}
        </ActionButton>
      ) : null}
      {run.operation === 'restore.preview' && isTerminal(run) && run.links.plan ? (
        <CommandLink primary to="/t/$tenant/runs/$run/plan" params={{ tenant: tenantId, run: id }}>
          {t.openPlan}
        </CommandLink>
      ) : null}
      {can.rerun ? (
        <ActionButton primary role={role} need={can.rerun.role} act={() => setRerunning(true)}>
          {rest ? t.rerunRest(can.rerun.items ?? 0) : t.rerun(can.rerun.items ?? 0)}
        </ActionButton>
      ) : null}
      {can.undo ? (
        <RunStartButton
          role={role}
          need={can.undo.role}
          ask={(key) => api.POST('/v1/tenants/{tenant}/previews', { params: { path: { tenant: tenantId }, header: { 'Idempotency-Key': key } }, body: { undoOf: id } })}
          onStarted={openPlan}
        >
          {t.undo}
        </RunStartButton>
      ) : null}
      {again && isTerminal(run) && run.status !== 'succeeded' && !can.rerun ? (
        <RunStartButton primary role={role} need={again.need} ask={again.ask} onStarted={openRun}>
          {t.startAgain}
        </RunStartButton>
      ) : null}
      <Related run={run} />
      <CopyButton value={location.origin + location.pathname} said={t.linkCopied}>
        {t.copyLink}
      </CopyButton>
    </>
  );

  return (
    <Page
      title={runTitle(run)}
      heading={<RunTitle run={run} />}
      crumbs={<Crumb tenant={tenantId} />}
      badges={
        <>
          <StatusBadge status={shownStatus(run)} />
          {writes(run) ? <StatusBadge status="update" words={t.writes} /> : null}
        </>
      }
      sentence={
        <>
          <Sentence text={run.sentence} names={names} />
          {slow ? ` ${t.slow}` : null}
          {run.waiting?.until ? (
            <>
              {' '}
              {t.waitsUntil} <Time at={run.waiting.until} future />.
            </>
          ) : null}
        </>
      }
      commands={commands}
    >
      {run.failure ? (
        <Notice kind="error">
          <p>
            <Sentence text={run.failure.sentence} names={names} />
          </p>
          {run.failure.next ? (
            <p>
              {t.next} {run.failure.next}
            </p>
          ) : null}
          <GraphFacts failure={run.failure} />
        </Notice>
      ) : null}
      {run.supersededBy ? (
        <Notice>
          <p>
            {t.superseded}{' '}
            <Link to="/t/$tenant/runs/$run" params={{ tenant: tenantId, run: run.supersededBy }}>
              {common.viewRun}
            </Link>
          </p>
        </Notice>
      ) : null}
      <div>
        <ProgressBar counts={run.counts} />
        <div className={s.counts}>
          <span>{t.ofItems(run.progress.done, run.counts.total)}</span>
          <span>{t.succeeded(run.counts.succeeded, run.notes ?? 0)}</span>
          {run.counts.failed ? <span>{t.failed(run.counts.failed)}</span> : null}
          {run.counts.skipped ? <span>{t.skipped(run.counts.skipped)}</span> : null}
          {run.progress.untouched ? <span>{t.untouched(run.progress.untouched)}</span> : null}
        </div>
      </div>
      <Facts run={run} />
      <Tabs
        label={t.tabs}
        value={tab}
        options={[
          { value: 'attention', label: t.attention, count: attention },
          { value: 'all', label: t.all, count: run.counts.succeeded + run.counts.failed + run.counts.skipped },
          { value: 'timeline', label: t.timeline },
        ]}
        onChange={(next) => filters.go({ tab: next, outcome: undefined, reason: undefined, q: undefined, page: undefined } as Partial<typeof search>)}
      >
        {tab === 'timeline' ? <RunTimeline run={run} /> : <Items run={run} attention={tab === 'attention'} search={search} />}
      </Tabs>
      {can.rerun && includes(role, can.rerun.role) ? (
        <RerunDialog open={rerunning} run={run} items={can.rerun.items ?? 0} onClose={() => setRerunning(false)} onStarted={openRun} />
      ) : null}
    </Page>
  );
}

const Crumb = ({ tenant }: { tenant: string }) => (
  <Link to="/t/$tenant/runs" params={{ tenant }}>
    {t.crumb}
  </Link>
);

/** The ways to what the run is about. */
function Related({ run }: { run: Run }) {
  const params = { tenant: run.tenantId };
  const plan = run.related?.find((r) => r.kind === 'plan');
  return (
    <>
      {plan ? (
        <CommandLink to="/t/$tenant/runs/$run/plan" params={{ ...params, run: plan.id }}>
          {t.plan}
        </CommandLink>
      ) : null}
      {run.target.kind === 'backup_set' ? (
        <CommandLink to="/t/$tenant/sets/$set" params={{ ...params, set: run.target.id }}>
          {t.set}
        </CommandLink>
      ) : null}
      {run.target.kind === 'policy' ? (
        <CommandLink to="/t/$tenant/policies/$policy" params={{ ...params, policy: run.target.id }}>
          {t.policy}
        </CommandLink>
      ) : null}
      <CommandLink to="/t/$tenant/audit" params={params} search={{ run: run.id }}>
        {t.audit}
      </CommandLink>
    </>
  );
}

function Facts({ run }: { run: Run }) {
  return (
    <dl className={s.facts}>
      <div>
        <dt>{t.started}</dt>
        <dd>
          <Time at={run.startedAt ?? run.createdAt} /> {t.by} <Name as="whole">{run.initiator.name || t.scheduled}</Name>
        </dd>
      </div>
      {run.reason ? (
        <div>
          <dt>{t.because}</dt>
          <dd>
            <Name as="whole">{run.reason}</Name>
          </dd>
        </div>
      ) : null}
      {isTerminal(run) ? null : (
        <div>
          <dt>{t.phase}</dt>
          <dd>{t.phases[run.progress.phase] ?? run.progress.phase}</dd>
        </div>
      )}
      <div>
        <dt>{t.id}</dt>
        <dd>
          <code>{run.id}</code>
        </dd>
      </div>
    </dl>
  );
}
