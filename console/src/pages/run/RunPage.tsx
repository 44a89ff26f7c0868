// One run: where it stands in one sentence, how far it is, what can be done with it,
// which items need attention and why, and its way from start to end.
import { Button } from '@fluentui/react-components';
import { Link20Regular } from '@fluentui/react-icons';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { announce } from '../../shell/announce';
import { clockTime } from '../../format/format';
import type { Failure, Run } from '../../api/types';
import { useTenant } from '../../shell/tenant';
import { run as t } from '../../texts';
import { Link, RunLink, runTitle, RunTitle, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { ProgressBar } from '../../ui/ProgressBar';
import { isTerminal, shownStatus, StatusBadge, StatusText } from '../../ui/status';
import { Tabs } from '../../ui/Tabs';
import { CopyButton, Duration, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { RunCommands } from './RunCommands';
import { ItemsTab } from './ItemsTab';
import { TimelineTab } from './TimelineTab';
import { useNews } from './useNews';
import { useRelated, useRun } from './useRun';
import s from './run.module.css';

const route = getRouteApi('/shell/t/$tenant/runs/$run');
type Tab = keyof typeof t.tabs;

export function RunPage() {
  const { tenant, run: id } = route.useParams();
  const query = useRun(tenant, id);
  const run = query.data;
  return (
    <Page
      title={run ? runTitle(run) : t.title}
      heading={run ? <Heading run={run} /> : undefined}
      crumbs={
        <Link to="/t/$tenant/runs" params={{ tenant }}>
          {t.crumb}
        </Link>
      }
      badges={run ? <Badges run={run} /> : undefined}
      sentence={run ? <Sentence text={run.sentence} names={[run.target.name, run.tenantName, run.canceledBy?.name, run.initiator.name]} /> : undefined}
    >
      <Loaded query={query}>{(found) => <Content key={id} run={found} />}</Loaded>
    </Page>
  );
}

function Heading({ run }: { run: Run }) {
  // Names of any length: what cannot be a line becomes three with "Show all".
  return run.target.name.length > 120 ? <Name as="title">{runTitle(run)}</Name> : <RunTitle run={run} />;
}

export const writes = (run: Pick<Run, 'operation'>): boolean => run.operation === 'restore.execute' || run.operation === 'restore.rerun';

function Badges({ run }: { run: Run }) {
  const status = shownStatus(run);
  const words = run.status === 'running' && run.cancelAt ? t.canceling : status === 'waiting' ? t.waiting : undefined;
  return (
    <>
      <StatusBadge status={status} words={words} />
      {writes(run) ? <StatusBadge status="update" words={t.writes} /> : null}
    </>
  );
}

export const attentionOf = (run: Run): number => run.counts.failed + run.counts.skipped + (run.notes ?? 0);

function Content({ run }: { run: Run }) {
  const search = route.useSearch();
  const filters = useFilters(search, ['outcome', 'reason', 'q']);
  const role = useTenant()?.role;
  const ended = isTerminal(run);
  const attention = attentionOf(run);
  useNews(run);
  // What was opened stays open until the run ends; then what needs attention comes first.
  const [usual, setUsual] = useState<Tab>(attention > 0 ? 'attention' : 'all');
  const was = useRef(ended);
  useEffect(() => {
    if (ended && !was.current) setUsual(attention > 0 ? 'attention' : 'all');
    was.current = ended;
  }, [ended, attention]);
  const tab: Tab = search.tab ?? usual;
  const change = (next: Tab) => filters.go({ tab: next, outcome: undefined, reason: undefined, item: undefined, page: undefined });
  return (
    <>
      <Progress run={run} />
      <RunCommands run={run} role={role} />
      <Facts run={run} />
      <Related run={run} />
      {run.failure ? <FailureNotice failure={run.failure} run={run} /> : null}
      <Tabs
        label={t.tabsLabel}
        value={tab}
        onChange={change}
        options={[
          { value: 'attention', label: t.tabs.attention, count: attention },
          { value: 'all', label: t.tabs.all, count: ended ? run.counts.total : (run.progress.done ?? 0) },
          { value: 'timeline', label: t.tabs.timeline },
        ]}
      >
        {tab === 'timeline' ? <TimelineTab run={run} /> : <ItemsTab key={tab} run={run} attention={tab === 'attention'} search={search} />}
      </Tabs>
    </>
  );
}

function Progress({ run }: { run: Run }) {
  const { counts, progress } = run;
  if (counts.total === 0) return null;
  const untouched = progress.untouched ?? 0;
  const skipped = counts.skipped - untouched;
  const left = Math.max(0, counts.total - counts.succeeded - counts.failed - counts.skipped);
  return (
    <div className={s.progress}>
      <ProgressBar counts={{ ...counts, skipped }} />
      <ul className={s.counts}>
        <li>
          <strong>{t.done(counts.succeeded + counts.failed + skipped, counts.total)}</strong> {t.doneWord}
        </li>
        {counts.succeeded > 0 ? <li>{t.succeeded(counts.succeeded, run.notes ?? 0)}</li> : null}
        {counts.failed > 0 ? <li>{t.failed(counts.failed)}</li> : null}
        {skipped > 0 ? <li>{t.skipped(skipped)}</li> : null}
        {untouched > 0 ? <li>{t.untouched(untouched)}</li> : null}
        {left > 0 && !isTerminal(run) ? (
          <li className={s.quiet}>
            {t.left(left)}
            {progress.endsAt && !run.waiting ? `, ${t.endsAt(clockTime(progress.endsAt))}` : ''}
            {progress.perMinute && !run.waiting ? `, ${t.perMinute(progress.perMinute)}` : ''}
          </li>
        ) : null}
      </ul>
    </div>
  );
}

function Facts({ run }: { run: Run }) {
  const ended = isTerminal(run);
  const from = run.startedAt ?? run.createdAt;
  return (
    <ul className={s.facts}>
      <li>
        {run.startedAt ? t.started : t.queuedAt} {clockTime(from)}, <Time at={from} /> {t.by(Boolean(run.scheduled))} <bdi>{run.initiator.name}</bdi>
      </li>
      {run.startedAt ? (
        <li>
          {ended ? t.took : t.running} <Duration from={run.startedAt} to={ended ? (run.finishedAt ?? run.updatedAt) : undefined} />
        </li>
      ) : null}
      {run.reason ? (
        <li className={s.long}>
          {t.reason}: <bdi>{run.reason}</bdi>
        </li>
      ) : null}
      {ended ? null : (
        <li>
          {t.phase}: {t.phases[run.progress.phase] ?? run.progress.phase}
        </li>
      )}
      {run.waiting?.until ? (
        <li>
          {t.waitsFor} {clockTime(run.waiting.until)}
        </li>
      ) : null}
      <li>
        {t.runId} <code className={s.id}>{run.id}</code>
      </li>
    </ul>
  );
}

const LATER = ['rerun', 'applied', 'undo'];

function Related({ run }: { run: Run }) {
  const related = useRelated(run);
  if (related.length === 0 && !run.supersededBy) return null;
  return (
    <>
      {run.supersededBy && !related.some((r) => r.id === run.supersededBy && LATER.includes(r.kind)) ? (
        <Notice kind="success">
          <p className="inText">
            {t.supersededBy} <RunLink run={{ tenantId: run.tenantId, id: run.supersededBy }} />
          </p>
        </Notice>
      ) : null}
      {related.length > 0 ? (
        <ul className={s.related} aria-label={t.related}>
          {related.map((r) => (
            <li key={`${r.kind} ${r.id}`} className="inText">
              {t.kinds[r.kind] ?? r.kind}: <RunLink run={{ tenantId: run.tenantId, id: r.id }}>{r.run ? <RunTitle run={r.run} /> : <code>{r.id}</code>}</RunLink>
              {r.run ? (
                <>
                  {' '}
                  <StatusText status={shownStatus(r.run)} /> <Time at={r.run.createdAt} />
                </>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}

/** Codes beside a failure's sentence, never in it. */
export function FailureCodes({ failure, more = [] }: { failure: Failure | undefined; more?: string[] }) {
  const parts = [failure?.httpStatus ? t.http(failure.httpStatus) : '', failure?.graphCode ?? '', ...more].filter(Boolean);
  return (
    <>
      {failure?.graphRequestId ? (
        <CopyButton value={failure.graphRequestId} said={t.graphIdCopied}>
          {t.copyGraphId}
        </CopyButton>
      ) : failure?.clientRequestId ? (
        <CopyButton value={failure.clientRequestId} said={t.clientIdCopied}>
          {t.copyClientId}
        </CopyButton>
      ) : null}
      {parts.length > 0 ? <span className={s.codes}>{parts.join(' · ')}</span> : null}
    </>
  );
}

function FailureNotice({ failure, run }: { failure: Failure; run: Run }) {
  return (
    <Notice kind={run.status === 'canceled' ? 'info' : failure.severity === 'warning' ? 'warning' : 'error'} commands={<FailureCodes failure={failure} more={[failure.code]} />}>
      <p>
        <Sentence text={failure.sentence} names={[run.target.name, run.tenantName, run.canceledBy?.name]} />
      </p>
      {failure.next ? (
        <p>
          <strong>{t.failureNext}</strong> {failure.next}
        </p>
      ) : null}
    </Notice>
  );
}

/** The address of this page, to be sent to somebody. */
export function CopyLink() {
  const copy = async () => {
    await navigator.clipboard.writeText(location.href);
    announce(t.linkCopied);
  };
  return (
    <Button appearance="subtle" icon={<Link20Regular />} onClick={() => void copy()}>
      {t.copyLink}
    </Button>
  );
}
