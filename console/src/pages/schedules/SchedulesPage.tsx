// What runs by itself in a tenant: when it is due next, and what became of the last
// time. ?edit=new and ?edit=ID open one.
import { Add20Regular, Pause16Regular, Play16Regular } from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data, read } from '../../api/client';
import { keys } from '../../api/keys';
import { ApiProblem } from '../../api/problem';
import type { Firing, Schedule } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useTenant } from '../../shell/tenant';
import { common, schedules as t } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { DataTable } from '../../ui/DataTable';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Loaded, NeverUsed, Page } from '../../ui/Page';
import { includes } from '../../ui/RunStartButton';
import { StatusIcon } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { describeCadence } from './cadence';
import { SchedulePage } from './SchedulePage';
import s from './schedules.module.css';

const route = getRouteApi('/shell/t/$tenant/schedules');

type List = { items: Schedule[] };

/** What a firing came to, with the way to its run. */
export function FiringResult({ of: f, tenant, due = false }: { of: Firing; tenant: { id: string; name: string }; due?: boolean }) {
  const status = f.result === 'skipped' ? 'skipped' : (f.runStatus ?? 'queued');
  const words = f.result === 'skipped' || !f.runStatus ? (t.results[f.result] ?? f.result) : (common.statuses[f.runStatus] ?? f.runStatus);
  return (
    <span className={s.result}>
      <StatusIcon status={status} />
      <span>
        {f.runId ? <RunLink run={{ tenantId: tenant.id, id: f.runId }}>{words}</RunLink> : words}{' '}
        {due ? (
          <span className={s.quiet}>
            <Time at={f.dueAt} />
          </span>
        ) : null}
        {f.result === 'joined' ? <span className={s.quiet}> {t.results.joined}</span> : null}
        {f.code && f.sentence ? (
          <span className={s.reason}>
            <Sentence text={f.sentence} names={[tenant.name]} />
          </span>
        ) : null}
      </span>
    </span>
  );
}

/** What a schedule works on. */
export function selectionWords(sch: Schedule): string {
  const sel = sch.selection;
  if (sch.operation === 'inventory.sync') return sch.types?.length ? t.selected.types(sch.types.length) : t.syncAll;
  if (!sel || sel.all) return t.selected.all;
  if (sel.types?.length) return t.selected.types(sel.types.length);
  if (sel.platforms?.length) return t.selected.platforms(sel.platforms.map((p) => t.platforms[p] ?? p));
  if (sel.policies?.length) return t.selected.policies(sel.policies.length);
  return t.selected.other;
}

/** Pauses or resumes the schedule as it was shown. */
async function setPaused(sch: Schedule, paused: boolean): Promise<void> {
  const path = { tenant: sch.tenantId, schedule: sch.id };
  const { tag } = await read(api.GET('/v1/tenants/{tenant}/schedules/{schedule}', { params: { path } }));
  await data(api.PATCH('/v1/tenants/{tenant}/schedules/{schedule}', { params: { path, header: { 'If-Match': tag } }, body: { paused } }));
}

async function remove(sch: Schedule): Promise<void> {
  const path = { tenant: sch.tenantId, schedule: sch.id };
  try {
    await data(api.DELETE('/v1/tenants/{tenant}/schedules/{schedule}', { params: { path } }));
  } catch (err) {
    // Somebody else was quicker.
    if (!(err instanceof ApiProblem) || err.status !== 404) throw err;
  }
}

export function SchedulesPage() {
  const { tenant } = route.useParams();
  const { edit } = route.useSearch();
  return edit ? <SchedulePage key={edit} tenant={tenant} edit={edit} /> : <ScheduleList key="list" tenant={tenant} />;
}

function ScheduleList({ tenant: id }: { tenant: string }) {
  const tenant = useTenant();
  const role = tenant?.role;
  const client = useQueryClient();
  const [leaving, setLeaving] = useState<Schedule | null>(null);
  const list = usePolled<List>({
    key: keys.of(id, 'schedules'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/schedules', { params: { path: { tenant: id } }, signal })),
    pace: (l) => (l?.items.some((x) => ['queued', 'running'].includes(x.lastFirings[0]?.runStatus ?? '')) ? 'active' : 'idle'),
  });
  const refresh = () => Promise.all([client.invalidateQueries({ queryKey: keys.of(id, 'schedules') }), client.invalidateQueries({ queryKey: keys.of(id, 'overview') })]);
  const items = list.data?.items ?? [];
  const create = (
    <ForRole role={role} need="owner" label={t.new}>
      <CommandLink primary icon={<Add20Regular />} to="/t/$tenant/schedules" params={{ tenant: id }} search={{ edit: 'new' }}>
        {t.new}
      </CommandLink>
    </ForRole>
  );
  return (
    <Page title={t.title} sentence={items.length ? t.sentence(items.length, items.filter((x) => x.state === 'paused').length) : undefined} commands={items.length ? create : undefined}>
      <Loaded query={list}>
        {(l) =>
          l.items.length === 0 ? (
            <NeverUsed sentence={t.never} command={create} />
          ) : (
            <DataTable
              label={t.title}
              twoLines
              rows={l.items}
              rowKey={(x) => x.id}
              columns={[
                {
                  key: 'name',
                  header: t.columns.name,
                  width: 'minmax(0, 1.4fr)',
                  cell: (x) => (
                    <Link to="/t/$tenant/schedules" params={{ tenant: id }} search={{ edit: x.id }}>
                      <Name>{x.name}</Name>
                    </Link>
                  ),
                },
                {
                  key: 'what',
                  header: t.columns.what,
                  width: 'minmax(0, 1fr)',
                  whole: true,
                  cell: (x) => (
                    <>
                      {t.operations[x.operation] ?? x.operation}
                      <span className={s.under}>{selectionWords(x)}</span>
                    </>
                  ),
                },
                {
                  key: 'when',
                  header: t.columns.when,
                  width: 'minmax(0, 1.1fr)',
                  whole: true,
                  cell: (x) => (
                    <>
                      {describeCadence(x.expression)}
                      <span className={s.under}>{x.timeZone}</span>
                    </>
                  ),
                },
                {
                  key: 'next',
                  header: t.columns.next,
                  width: 'minmax(0, 1.2fr)',
                  whole: true,
                  cell: (x) =>
                    x.pause ? (
                      <span className={s.result}>
                        <StatusIcon status="canceled" />
                        <span>
                          {x.pause.by ? <bdi>{t.pausedBy(x.pause.by.name)}</bdi> : t.paused}
                          {x.pause.by ? null : (
                            <span className={s.under}>
                              <Sentence text={`${x.pause.sentence} ${x.pause.next ?? ''}`} names={[tenant?.name]} />
                            </span>
                          )}
                        </span>
                      </span>
                    ) : (
                      <>
                        <Time at={x.nextAt[0]} future />
                        {x.pending ? <span className={s.under}>{t.pending}</span> : null}
                      </>
                    ),
                },
                {
                  key: 'last',
                  header: t.columns.last,
                  width: 'minmax(0, 1.5fr)',
                  whole: true,
                  cell: (x) => (x.lastFirings[0] ? <FiringResult due of={x.lastFirings[0]} tenant={{ id, name: tenant?.name ?? '' }} /> : t.notYet),
                },
                {
                  key: 'commands',
                  header: t.columns.commands,
                  width: '210px',
                  whole: true,
                  cell: (x) => {
                    const byPerson = Boolean(x.pause?.by);
                    return (
                      <span className={s.commands}>
                        <ActionButton
                          size="small"
                          role={role}
                          need="owner"
                          quiet
                          spoken={x.name}
                          icon={byPerson ? <Play16Regular /> : <Pause16Regular />}
                          said={byPerson ? t.resumedSaid(x.name) : t.pausedSaid(x.name)}
                          act={async () => {
                            await setPaused(x, !byPerson);
                            await refresh();
                          }}
                        >
                          {byPerson ? t.resume : t.pause}
                        </ActionButton>
                        <ActionButton size="small" subtle role={role} need="owner" quiet spoken={x.name} act={() => setLeaving(x)}>
                          {t.remove}
                        </ActionButton>
                      </span>
                    );
                  },
                },
              ]}
            />
          )
        }
      </Loaded>
      {includes(role, 'owner') ? (
        <ConfirmDialog
          open={leaving !== null}
          title={<Sentence text={t.removeTitle(leaving?.name ?? '')} names={[leaving?.name]} />}
          confirm={t.removeIt}
          onClose={() => setLeaving(null)}
          onConfirm={async () => {
            if (!leaving) return;
            await remove(leaving);
            announce(t.removedSaid(leaving.name));
            await refresh();
          }}
        >
          <p>{t.removeText}</p>
        </ConfirmDialog>
      ) : null}
    </Page>
  );
}
