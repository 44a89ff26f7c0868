// What happened to the run, in the order of time, with the runs before and after it.
import type { ReactNode } from 'react';
import type { Run } from '../../api/types';
import { run as t } from '../../texts';
import { RunLink, Sentence } from '../../ui/links';
import { isTerminal } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import s from './run.module.css';

interface Event {
  at: string;
  text: ReactNode;
  future?: boolean;
}

export function RunTimeline({ run }: { run: Run }) {
  const names = [run.target.name, run.tenantName, run.initiator.name];
  const events: Event[] = [
    {
      at: run.createdAt,
      text: (
        <>
          {t.events.queued} {t.by} <Name as="whole">{run.initiator.name || t.scheduled}</Name>
        </>
      ),
    },
  ];
  if (run.startedAt) events.push({ at: run.startedAt, text: t.events.started });
  if (run.cancelAt) {
    events.push({
      at: run.cancelAt,
      text: (
        <>
          {t.events.cancel} {run.canceledBy ? t.by : ''} {run.canceledBy ? <Name as="whole">{run.canceledBy.name}</Name> : null}
        </>
      ),
    });
  }
  if (run.waiting) events.push({ at: run.updatedAt, text: <Sentence text={run.sentence} names={names} /> });
  if (isTerminal(run)) {
    events.push({
      at: run.finishedAt ?? run.updatedAt,
      text: (
        <>
          {t.events.ended}: <Sentence text={run.sentence} names={names} />
        </>
      ),
    });
  } else {
    events.push({ at: run.deadlineAt, text: t.events.deadline, future: true });
  }
  return (
    <>
      <ol className={s.timeline}>
        {events.map((e, i) => (
          <li key={i}>
            <span>
              <Time at={e.at} future={e.future} />
            </span>
            <span>{e.text}</span>
          </li>
        ))}
      </ol>
      {run.related?.length ? (
        <ul className={s.timeline}>
          {run.related.map((r) => (
            <li key={`${r.kind} ${r.id}`}>
              <span>{t.related[r.kind] ?? r.kind}</span>
              <span>
                <RunLink run={{ tenantId: run.tenantId, id: r.id }}>{r.id}</RunLink>
              </span>
            </li>
          ))}
        </ul>
      ) : null}
    </>
  );
}
