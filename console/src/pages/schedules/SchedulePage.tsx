// One schedule: its form for owners, what it says for everybody else, and what became
// of each time that it was due.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data, read } from '../../api/client';
import { keys } from '../../api/keys';
import type { Firing, Schedule } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { common, schedules as t } from '../../texts';
import { DataTable } from '../../ui/DataTable';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, Page } from '../../ui/Page';
import { includes } from '../../ui/RunStartButton';
import { StatusBadge } from '../../ui/status';
import { Time } from '../../ui/text';
import { Pager } from '../../ui/Pager';
import { describeCadence } from './cadence';
import { ScheduleForm, type ScheduleBody } from './ScheduleForm';
import { FiringResult, selectionWords } from './SchedulesPage';
import s from './schedules.module.css';

export function SchedulePage({ tenant: id, edit }: { tenant: string; edit: string }) {
  return edit === 'new' ? <NewSchedule tenant={id} /> : <OneSchedule tenant={id} schedule={edit} />;
}

const crumbs = (tenant: string) => (
  <Link to="/t/$tenant/schedules" params={{ tenant }}>
    {t.back}
  </Link>
);

/** Back to the list, whose answers are old now. */
function useLeave(tenant: string): (said: string) => Promise<void> {
  const client = useQueryClient();
  const navigate = useNavigate();
  return async (said) => {
    if (said) announce(said);
    void client.invalidateQueries({ queryKey: keys.of(tenant, 'schedules') });
    void client.invalidateQueries({ queryKey: keys.of(tenant, 'overview') });
    await navigate({ to: '/t/$tenant/schedules', params: { tenant } });
  };
}

function NewSchedule({ tenant: id }: { tenant: string }) {
  const tenant = useTenant();
  const leave = useLeave(id);
  if (tenant && !includes(tenant.role, 'owner')) {
    return (
      <Page title={t.newTitle} crumbs={crumbs(id)}>
        <Notice kind="warning">
          <p>{common.needsRole('owner')}</p>
        </Notice>
      </Page>
    );
  }
  const save = async (body: ScheduleBody) => {
    const made = await data(api.POST('/v1/tenants/{tenant}/schedules', { params: { path: { tenant: id } }, body }));
    return () => leave(t.created(made.name));
  };
  return (
    <Page title={t.newTitle} crumbs={crumbs(id)}>
      <ScheduleForm tenant={id} submit={t.create} save={save} cancel={() => leave('')} />
    </Page>
  );
}

function OneSchedule({ tenant: id, schedule }: { tenant: string; schedule: string }) {
  const tenant = useTenant();
  const leave = useLeave(id);
  const path = { tenant: id, schedule };
  // Read once: a form does not change under the hand.
  const query = useQuery({
    queryKey: keys.of(id, 'schedule', schedule),
    queryFn: ({ signal }) => read<Schedule>(api.GET('/v1/tenants/{tenant}/schedules/{schedule}', { params: { path }, signal })),
    gcTime: 0,
    staleTime: Infinity,
  });
  const sch = query.data?.data;
  // What it does is not changed.
  const save = async ({ operation: _fixed, types, ...rest }: ScheduleBody) => {
    const body = { ...rest, ...(types ? { types } : {}) };
    const saved = await data(api.PATCH('/v1/tenants/{tenant}/schedules/{schedule}', { params: { path, header: { 'If-Match': query.data?.tag } }, body }));
    return () => leave(t.saved(saved.name));
  };
  const owner = includes(tenant?.role, 'owner');
  return (
    <Page
      title={sch?.name ?? t.title}
      crumbs={crumbs(id)}
      badges={sch?.pause ? <StatusBadge status="canceled" words={t.paused} /> : undefined}
      sentence={
        sch?.pause ? (
          <Sentence text={[sch.pause.sentence, sch.pause.next].filter(Boolean).join(' ')} names={[tenant?.name]} />
        ) : sch ? (
          `${t.operations[sch.operation] ?? sch.operation}: ${describeCadence(sch.expression)}, ${sch.timeZone}.`
        ) : undefined
      }
    >
      <Loaded query={query}>
        {({ data: found, tag }) => (
          <>
            {owner ? (
              <ScheduleForm
                key={tag}
                tenant={id}
                schedule={found}
                submit={t.save}
                save={save}
                cancel={() => leave('')}
                reload={() => void query.refetch()}
              />
            ) : (
              <About of={found} />
            )}
            <Firings tenant={id} schedule={schedule} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function About({ of: sch }: { of: Schedule }) {
  return (
    <section aria-labelledby="about">
      <h2 id="about">{t.about}</h2>
      <p>{t.onlyOwners}</p>
      <dl className={s.about}>
        <dt>{t.operation}</dt>
        <dd>{t.operations[sch.operation] ?? sch.operation}</dd>
        <dt>{t.scope}</dt>
        <dd>{selectionWords(sch)}</dd>
        <dt>{t.when}</dt>
        <dd>
          {describeCadence(sch.expression)}, {sch.timeZone}
        </dd>
        <dt>{t.columns.next}</dt>
        <dd>{sch.nextAt[0] ? <Time at={sch.nextAt[0]} future /> : t.paused}</dd>
        <dt>{t.createdBy}</dt>
        <dd>
          <Time at={sch.createdAt} /> <bdi>{t.by(sch.createdBy.name)}</bdi>
        </dd>
        <dt>{t.updatedBy}</dt>
        <dd>
          <Time at={sch.updatedAt} /> <bdi>{t.by(sch.updatedBy.name)}</bdi>
        </dd>
      </dl>
    </section>
  );
}

function Firings({ tenant: id, schedule }: { tenant: string; schedule: string }) {
  const tenant = useTenant();
  const [page, setPage] = useState<string | undefined>();
  const list = usePolled<{ items: Firing[]; nextPageToken?: string }>({
    key: keys.of(id, 'firings', schedule, page ?? ''),
    ask: (signal) =>
      data(api.GET('/v1/tenants/{tenant}/schedules/{schedule}/firings', { params: { path: { tenant: id, schedule }, query: { pageSize: 20, pageToken: page } }, signal })),
    pace: (l) => (l?.items.some((f) => ['queued', 'running'].includes(f.runStatus ?? '')) ? 'active' : 'idle'),
    keep: true,
  });
  return (
    <section className={s.firings} aria-labelledby="firings">
      <h2 id="firings">{t.firings}</h2>
      <Loaded query={list} rows={2}>
        {(l) =>
          l.items.length === 0 ? (
            <p>{t.noFirings}</p>
          ) : (
            <>
              <DataTable
                label={t.firings}
                rows={l.items}
                rowKey={(f) => f.dueAt}
                columns={[
                  { key: 'due', header: t.firingColumns.due, width: '150px', cell: (f) => <Time at={f.dueAt} /> },
                  { key: 'result', header: t.firingColumns.result, width: 'minmax(0, 1fr)', whole: true, cell: (f) => <FiringResult of={f} tenant={{ id, name: tenant?.name ?? '' }} /> },
                  {
                    key: 'run',
                    header: t.firingColumns.run,
                    width: 'minmax(0, 2fr)',
                    whole: true,
                    cell: (f) => (f.runId && !f.code ? <RunLink run={{ tenantId: id, id: f.runId }}>{f.sentence}</RunLink> : null),
                  },
                ]}
              />
              <Pager page={page} next={l.nextPageToken} go={setPage} />
            </>
          )
        }
      </Loaded>
    </section>
  );
}
