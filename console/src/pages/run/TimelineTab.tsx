// The way of a run from its start to its end, oldest first: what its own record
// says, and what the audit log has of it.
import { all, api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import type { Run } from '../../api/types';
import { clockTimeSeconds, formatDay } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { common, run as t } from '../../texts';
import { RunLink, RunTitle, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { isTerminal, StatusIcon } from '../../ui/status';
import { Time } from '../../ui/text';
import { useRelated } from './useRun';
import s from './run.module.css';
import type { ReactNode } from 'react';

type Event = components['schemas']['AuditView'];
const OBJECTS = 20; // names under one entry

interface Entry {
  at: string;
  status: string;
  words: ReactNode;
  more?: ReactNode;
}

export function TimelineTab({ run }: { run: Run }) {
  const tenant = run.tenantId;
  const audit = usePolled<Event[]>({
    key: keys.of(tenant, 'run-audit', run.id),
    ask: (signal) =>
      all((pageToken) => data(api.GET('/v1/tenants/{tenant}/audit-events', { params: { path: { tenant }, query: { run: run.id, pageSize: 200, pageToken } }, signal }))),
    pace: () => (isTerminal(run) ? 'ended' : 'active'),
  });
  const related = useRelated(run);
  const entries: Entry[] = [
    { at: run.createdAt, status: 'queued', words: <>{t.timeline.requestedBy('')}<bdi>{run.initiator.name}</bdi></>, more: run.reason ? <>{t.reason}: <bdi>{run.reason}</bdi></> : undefined },
  ];
  if (run.startedAt) entries.push({ at: run.startedAt, status: 'running', words: t.timeline.started });
  for (const event of audit.data ?? []) {
    const objects = event.objects ?? [];
    if (objects.length === 0) continue;
    const failed = objects.some((o) => o.code);
    entries.push({
      at: event.at,
      status: failed ? 'partial' : 'update',
      words: t.timeline.wrote(objects.length),
      more: (
        <ul>
          {objects.slice(0, OBJECTS).map((o, i) => (
            <li key={`${o.policyId} ${i}`}>
              {t.written[o.action] ?? o.action}: <bdi>{o.name}</bdi>
              {o.code ? <code> {o.code}</code> : null}
            </li>
          ))}
          {objects.length > OBJECTS ? <li>{t.timeline.others(objects.length - OBJECTS)}</li> : null}
        </ul>
      ),
    });
  }
  if (run.cancelAt) entries.push({ at: run.cancelAt, status: 'canceled', words: run.canceledBy?.name ? <Sentence text={t.timeline.cancel(run.canceledBy.name)} names={[run.canceledBy.name]} /> : t.timeline.cancelSomebody });
  for (const r of related) {
    if (!r.run || r.run.createdAt < run.createdAt) continue;
    entries.push({ at: r.run.createdAt, status: r.run.status, words: <>{t.kinds[r.kind] ?? r.kind}: <RunLink run={r.run}><RunTitle run={r.run} /></RunLink></>, more: r.run.sentence });
  }
  if (run.waiting) entries.push({ at: run.updatedAt, status: 'waiting', words: t.timeline.waits, more: run.waiting.until ? <>{t.waitsFor} {clockTimeSeconds(run.waiting.until)}</> : undefined });
  if (run.finishedAt) {
    entries.push({ at: run.finishedAt, status: run.status, words: common.statuses[run.status] ?? run.status, more: <Sentence text={run.sentence} names={[run.target.name, run.tenantName]} /> });
  } else {
    entries.push({ at: run.deadlineAt, status: 'queued', words: t.timeline.deadline });
  }
  entries.sort((a, b) => a.at.localeCompare(b.at));
  return (
    <>
      {audit.isError ? <Notice kind="warning"><p>{t.noAudit}</p></Notice> : null}
      <ol className={s.timeline}>
        {entries.map((e, i) => (
          <li key={`${e.at} ${i}`}>
            <span className={s.moment}>
              <span>{clockTimeSeconds(e.at)}</span>
              <span className={s.quiet}>{Date.parse(e.at) > Date.now() ? formatDay(e.at) : <Time at={e.at} />}</span>
            </span>
            <StatusIcon status={e.status} />
            <div>
              <p className="inText">{e.words}</p>
              {e.more ? <div className={s.quiet}>{e.more}</div> : null}
            </div>
          </li>
        ))}
      </ol>
    </>
  );
}
