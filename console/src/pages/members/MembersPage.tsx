// Who may open a tenant and what they may do in it. Owners add members, change roles
// and remove; one owner always stays.
import { Badge, Field, Input, Radio, RadioGroup } from '@fluentui/react-components';
import { PersonAdd20Regular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, data, read } from '../../api/client';
import { keys } from '../../api/keys';
import { ApiProblem } from '../../api/problem';
import type { Member, Role } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useMe, useTenant } from '../../shell/tenant';
import { common, members as t } from '../../texts';
import { ActionButton } from '../../ui/ActionButton';
import { ConfirmDialog } from '../../ui/ConfirmDialog';
import { DataTable } from '../../ui/DataTable';
import { FilterBar, FilterSearch } from '../../ui/FilterBar';
import { FormDialog, type Faults } from '../../ui/FormDialog';
import { Sentence } from '../../ui/links';
import { Notice, ProblemNotice } from '../../ui/Notice';
import { Loaded, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { includes } from '../../ui/RunStartButton';
import { CopyButton, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import s from './members.module.css';

const route = getRouteApi('/shell/t/$tenant/members');
const PAGE = 100;
const ROLES: Role[] = ['viewer', 'operator', 'restorer', 'owner'];

type List = { items: Member[]; nextPageToken?: string };

const called = (m: Member): string => m.name || m.userId;

export function MembersPage() {
  const { tenant: id } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const me = useMe().data?.userId;
  const client = useQueryClient();
  const filters = useFilters(search, ['q']);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const query = { q: search.q, pageSize: PAGE, pageToken: search.page };
  const list = usePolled<List>({
    key: keys.of(id, 'members', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/members', { params: { path: { tenant: id }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const items = list.data?.items ?? [];
  const owners = items.filter((m) => m.role === 'owner').length;
  // Only a list that is whole says who is the last owner; the API decides in any case.
  const whole = Boolean(list.data) && !search.q && !search.page && !list.data?.nextPageToken;
  const last = (m: Member) => whole && m.role === 'owner' && owners === 1;
  const refresh = () => client.invalidateQueries({ queryKey: keys.of(id, 'members') });
  const close = () => filters.go({ edit: undefined });
  const owner = includes(role, 'owner');
  return (
    <Page
      title={t.title}
      sentence={list.data && !search.q && !search.page ? t.sentence(items.length, owners, Boolean(list.data.nextPageToken)) : undefined}
      commands={
        <ActionButton primary icon={<PersonAdd20Regular />} role={role} need="owner" act={() => filters.go({ edit: 'new' })}>
          {t.add}
        </ActionButton>
      }
    >
      <FilterBar active={filters.active} clear={filters.clear} result={search.q && list.data ? common.results(items.length, Boolean(list.data.nextPageToken), 'member', 'members') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
      </FilterBar>
      <Loaded query={list}>
        {(page) =>
          page.items.length === 0 ? (
            <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
          ) : (
            <>
              <DataTable
                label={t.title}
                rows={page.items}
                rowKey={(m) => m.userId}
                columns={[
                  {
                    key: 'name',
                    header: t.columns.name,
                    width: 'minmax(0, 1.5fr)',
                    cell: (m) => (
                      <span className={s.who}>
                        <Name>{called(m)}</Name>
                        {m.userId === me ? (
                          <Badge appearance="outline" color="informative">
                            {t.you}
                          </Badge>
                        ) : null}
                      </span>
                    ),
                  },
                  { key: 'role', header: t.columns.role, width: '110px', cell: (m) => common.roles[m.role] ?? m.role },
                  { key: 'id', header: t.columns.id, width: 'minmax(0, 1.6fr)', cell: (m) => <span className={s.id} title={m.userId}>{m.userId}</span> },
                  { key: 'since', header: t.columns.since, width: '120px', cell: (m) => <Time at={m.createdAt} /> },
                  {
                    key: 'commands',
                    header: t.columns.commands,
                    width: 'minmax(200px, 1.4fr)',
                    whole: true,
                    cell: (m) => (
                      <span className={s.commands}>
                        <ActionButton size="small" role={role} need="owner" quiet blocked={last(m) ? t.lastOwner : undefined} spoken={called(m)} act={() => filters.go({ edit: m.userId })}>
                          {t.change}
                        </ActionButton>
                        <ActionButton size="small" subtle role={role} need="owner" quiet blocked={last(m) ? t.lastOwner : undefined} spoken={called(m)} act={() => setLeaving(m)}>
                          {t.remove}
                        </ActionButton>
                        {last(m) ? <span className={s.note}>{t.lastOwner}</span> : null}
                      </span>
                    ),
                  },
                ]}
              />
              <Pager page={search.page} next={page.nextPageToken} go={(token) => filters.go({ page: token })} />
            </>
          )
        }
      </Loaded>
      {owner && search.edit === 'new' ? <AddMember tenant={id} known={items} done={refresh} close={close} /> : null}
      {owner && search.edit && search.edit !== 'new' ? <ChangeRole key={search.edit} tenant={id} user={search.edit} self={search.edit === me} done={refresh} close={close} /> : null}
      {leaving ? <RemoveMember tenant={id} member={leaving} self={leaving.userId === me} done={refresh} close={() => setLeaving(null)} /> : null}
    </Page>
  );
}

interface DialogProps {
  tenant: string;
  done: () => Promise<unknown>;
  close: () => void;
}

function RoleField({ value, onChange }: { value: Role; onChange: (next: Role) => void }) {
  return (
    <Field label={t.role}>
      <RadioGroup value={value} onChange={(_, d) => onChange(d.value as Role)}>
        {ROLES.map((r) => (
          <Radio
            key={r}
            value={r}
            label={
              <>
                {common.roles[r]} <span className={s.note}>{t.roleHints[r]}</span>
              </>
            }
          />
        ))}
      </RadioGroup>
    </Field>
  );
}

function AddMember({ tenant, known, done, close }: DialogProps & { known: Member[] }) {
  const [user, setUser] = useState('');
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const check = (): Faults => {
    if (!user.trim()) return { user: t.userIdMissing };
    return known.some((m) => m.userId === user.trim()) ? { user: t.already } : {};
  };
  return (
    <FormDialog
      open
      title={t.addTitle}
      submit={t.addIt}
      check={check}
      onSubmit={async () => {
        const made = await data(api.PUT('/v1/tenants/{tenant}/members/{user}', { params: { path: { tenant, user: user.trim() } }, body: { role, name: name.trim() || undefined } }));
        announce(t.added(called(made)));
        await done();
      }}
      onClose={close}
    >
      {(fault) => (
        <>
          <Field label={t.userId} required hint={t.userIdHint} {...fault('user')}>
            <Input value={user} maxLength={128} spellCheck={false} onChange={(_, d) => setUser(d.value)} />
          </Field>
          <Field label={t.name} hint={t.nameHint} {...fault('name')}>
            <Input value={name} maxLength={200} onChange={(_, d) => setName(d.value)} />
          </Field>
          <RoleField value={role} onChange={setRole} />
        </>
      )}
    </FormDialog>
  );
}

const memberQuery = (tenant: string, user: string) => ({
  queryKey: keys.of(tenant, 'member', user),
  queryFn: ({ signal }: { signal: AbortSignal }) => read(api.GET('/v1/tenants/{tenant}/members/{user}', { params: { path: { tenant, user } }, signal })),
  staleTime: Infinity,
  gcTime: 0,
});

function ChangeRole({ tenant, user, self, done, close }: DialogProps & { user: string; self: boolean }) {
  const query = useQuery(memberQuery(tenant, user));
  const client = useQueryClient();
  const [role, setRole] = useState<Role | null>(null);
  const [again, setAgain] = useState(false);
  const member = query.data?.data;
  useEffect(() => {
    if (member) setRole(member.role);
  }, [member]);
  const title = <Sentence text={t.changeTitle(member ? called(member) : '')} names={[member && called(member)]} />;
  return (
    <FormDialog
      open
      title={title}
      submit={t.changeIt}
      onSubmit={async () => {
        if (!member || !role || role === member.role) return;
        try {
          const changed = await data(
            api.PUT('/v1/tenants/{tenant}/members/{user}', { params: { path: { tenant, user }, header: { 'If-Match': query.data?.tag } }, body: { role } }),
          );
          announce(t.changed(called(changed), common.roles[changed.role] ?? changed.role));
        } catch (err) {
          if (err instanceof ApiProblem && err.status === 412) {
            setAgain(true);
            await query.refetch();
          }
          throw err;
        }
        if (self) void client.invalidateQueries({ queryKey: keys.memberships });
        await done();
      }}
      onClose={close}
    >
      {() => (
        <>
          {query.isError ? <ProblemNotice error={query.error} retry={() => void query.refetch()} /> : null}
          {member ? <span className={s.id}>{member.userId}</span> : null}
          {role ? <RoleField value={role} onChange={setRole} /> : null}
          {self ? (
            <Notice kind="warning">
              <p>{t.losing}</p>
            </Notice>
          ) : null}
          {again ? <p>{t.reload}</p> : null}
        </>
      )}
    </FormDialog>
  );
}

function RemoveMember({ tenant, member, self, done, close }: DialogProps & { member: Member; self: boolean }) {
  const client = useQueryClient();
  const query = useQuery(memberQuery(tenant, member.userId));
  return (
    <ConfirmDialog
      open
      title={<Sentence text={t.removeTitle(called(member))} names={[called(member)]} />}
      confirm={t.removeIt}
      onClose={close}
      onConfirm={async () => {
        try {
          await data(api.DELETE('/v1/tenants/{tenant}/members/{user}', { params: { path: { tenant, user: member.userId }, header: { 'If-Match': query.data?.tag } } }));
        } catch (err) {
          if (!(err instanceof ApiProblem) || err.code !== 'not_found') throw err;
        }
        announce(t.removed(called(member)));
        if (self) await client.invalidateQueries({ queryKey: keys.memberships });
        else await done();
      }}
    >
      <p>{self ? t.removeSelf : t.removeText}</p>
      <p>
        <CopyButton value={member.userId}>{member.userId}</CopyButton>
      </p>
    </ConfirmDialog>
  );
}
