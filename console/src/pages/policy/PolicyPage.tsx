// One policy: its settings by name, whom it is assigned to, its versions, and the
// content to the digit.
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { Policy } from '../../api/types';
import { usePolled } from '../../poll/usePolled';
import { useTenant } from '../../shell/tenant';
import { policies as list, policy as t } from '../../texts';
import { CommandLink, ForRole } from '../../ui/CommandLink';
import { Link } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, Page } from '../../ui/Page';
import { RunStartButton } from '../../ui/RunStartButton';
import { Tabs } from '../../ui/Tabs';
import { Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { platformWords } from '../policies/platforms';
import { policyState } from '../policies/state';
import { AssignmentsTab } from './AssignmentsTab';
import { RawTab } from './RawTab';
import { SettingsTab } from './SettingsTab';
import { useVersion, type VersionText } from './version';
import { VersionsTab, type VersionList } from './VersionsTab';
import s from './policy.module.css';

const route = getRouteApi('/shell/t/$tenant/policies/$policy');

export function PolicyPage() {
  const { tenant, policy: id } = route.useParams();
  const search = route.useSearch();
  const role = useTenant()?.role;
  const filters = useFilters(search, ['q']);
  const policy = usePolled<Policy>({
    key: keys.of(tenant, 'policy', id),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}', { params: { path: { tenant, policy: id } }, signal })),
    pace: () => 'idle',
  });
  const latest = policy.data?.latestVersion ?? 0;
  const shown = search.v ?? latest;
  const version = useVersion(tenant, id, shown);
  const tab = search.tab ?? 'settings';
  const query = { pageSize: 50, pageToken: search.page };
  const versions = usePolled<VersionList>({
    key: keys.of(tenant, 'versions', id, query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}/versions', { params: { path: { tenant, policy: id }, query }, signal })),
    pace: () => 'idle',
    enabled: tab === 'versions',
    keep: true,
  });
  const p = policy.data;
  const name = p ? p.name || list.noName : t.title;
  const gone = p?.state === 'vanished';
  const capture = (primary: boolean) => (
    <RunStartButton
      primary={primary}
      role={role}
      need="operator"
      ask={(key) => api.POST('/v1/tenants/{tenant}/policies/{policy}/snapshots', { params: { path: { tenant, policy: id }, header: { 'Idempotency-Key': key } } })}
    >
      {t.capture}
    </RunStartButton>
  );
  const restore = (label: string, primary: boolean) => (
    <ForRole role={role} need="operator" label={label}>
      <CommandLink to="/t/$tenant/restore" params={{ tenant }} search={{ policy: id, v: shown }} primary={primary}>
        {label}
      </CommandLink>
    </ForRole>
  );
  const current = version.data?.version;
  return (
    <Page
      title={name}
      crumbs={<Link to="/t/$tenant/policies" params={{ tenant }}>{list.title}</Link>}
      sentence={
        p && latest > 0 ? (
          <>
            {t.captured} {p.lastCapturedAt ? <Time at={p.lastCapturedAt} /> : null}, {t.version(latest)}. {current && shown === latest ? (current.complete ? t.complete : t.incomplete) : null}
            {policyState(p) === 'changed' ? ` ${t.changedSince}` : ''}
          </>
        ) : undefined
      }
      commands={
        p && latest > 0 ? (
          <>
            {gone ? restore(t.restore, true) : capture(true)}
            {gone ? null : restore(search.v && search.v !== latest ? t.restoreThis : t.restore, false)}
          </>
        ) : undefined
      }
    >
      <Loaded query={policy}>
        {(found) => (
          <>
            <p className={s.facts}>
              <span>{found.typeTitle}</span>
              {found.platform ? <span>{platformWords(found.platform)}</span> : null}
              {current ? <span>{t.restorability[current.restorability.level]}{current.restorability.level === 'full' && !current.restorability.assignments ? ` ${t.noAssignRestore}` : ''}{current.restorability.reason ? ` ${current.restorability.reason}` : ''}</span> : null}
            </p>
            {gone ? (
              <Notice kind="warning">
                <p>{t.vanished}</p>
                {found.vanishedAt ? <p className={s.count}>{t.vanishedAt} <Time at={found.vanishedAt} />.</p> : null}
              </Notice>
            ) : null}
            {latest > 0 && shown !== latest ? (
              <Notice
                commands={
                  <>
                    <CommandLink to="/t/$tenant/policies/$policy" params={{ tenant, policy: id }} search={{ tab: search.tab }}>
                      {t.latest}
                    </CommandLink>
                    {shown < latest ? (
                      <CommandLink to="/t/$tenant/policies/$policy/diff" params={{ tenant, policy: id }} search={{ from: shown, to: 'latest' }}>
                        {t.compareLatest}
                      </CommandLink>
                    ) : null}
                  </>
                }
              >
                <p>{t.older(shown, latest)}</p>
              </Notice>
            ) : null}
            {current && current.notes.length > 0 ? (
              <Notice kind={current.complete ? 'info' : 'warning'}>
                <p>{t.notes}</p>
                <ul className={s.notes}>
                  {current.notes.map((n, i) => (
                    <li key={i}>
                      {n.sentence} {n.next}
                    </li>
                  ))}
                </ul>
              </Notice>
            ) : null}
            {latest === 0 ? (
              <NeverUsed sentence={t.neverCaptured} command={gone ? undefined : capture(true)} />
            ) : (
              <Tabs
                label={t.tabsLabel}
                value={tab}
                onChange={(next) => filters.go({ tab: next === 'settings' ? undefined : next, page: undefined, q: undefined })}
                options={(['settings', 'assignments', 'versions', 'raw'] as const).map((value) => ({ value, label: t.tabs[value] }))}
              >
                {tab === 'versions' ? (
                  <VersionsTab tenant={tenant} policy={id} role={role} versions={versions} shown={shown} page={search.page} go={(page) => filters.go({ page })} />
                ) : (
                  <Loaded query={version}>{(text: VersionText) => <Content tab={tab} text={text} q={search.q} setQ={(q) => filters.set({ q }, true)} />}</Loaded>
                )}
              </Tabs>
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Content({ tab, text, q, setQ }: { tab: 'settings' | 'assignments' | 'raw'; text: VersionText; q: string | undefined; setQ: (q: string | undefined) => void }) {
  if (tab === 'assignments') return <AssignmentsTab content={text.content} version={text.version} />;
  if (tab === 'raw') return <RawTab text={text} />;
  return <SettingsTab content={text.content} q={q} setQ={setQ} />;
}
