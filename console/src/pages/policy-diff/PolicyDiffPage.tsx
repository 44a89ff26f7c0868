// What changed from one version of a policy to another: setting by setting, with
// names, and word by word inside long texts; or line by line of the raw content.
import { Button, Checkbox, Select } from '@fluentui/react-components';
import { ArrowDownload20Regular, ArrowSwap20Regular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, useNavigate } from '@tanstack/react-router';
import { api, data, exact } from '../../api/client';
import { exactText } from '../../api/exact';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import { formatList } from '../../format/format';
import { policies as list, policy as pt, policyDiff as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { download, fileName } from '../../ui/download';
import { FilterBar, FilterSearch } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { StatusText } from '../../ui/status';
import { Tabs } from '../../ui/Tabs';
import { CopyButton, Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { LongText } from '../policy/LongText';
import { settingsOf } from '../policy/settings';
import { useVersion } from '../policy/version';
import { Lines, Words } from './Marked';
import { changeRows, type ChangeRow } from './rows';
import { isLong } from './words';
import s from '../policy/policy.module.css';

const route = getRouteApi('/shell/t/$tenant/policies/$policy/diff');
type Diff = components['schemas']['DiffView'];
const SECTIONS = ['settings', 'properties', 'apps', 'scheduled_actions', 'messages', 'assignments', 'scope_tags'];
const icons: Record<string, string> = { added: 'create', removed: 'delete', changed: 'update', reordered: 'update', unreadable: 'partial', same: 'none' };

export function PolicyDiffPage() {
  const { tenant, policy: id } = route.useParams();
  const search = route.useSearch();
  const navigate = useNavigate();
  const filters = useFilters(search, ['q']);
  const path = { tenant, policy: id };

  const policy = useQuery({
    queryKey: keys.of(tenant, 'policy', id),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}', { params: { path }, signal })),
  });
  const versions = useQuery({
    queryKey: keys.of(tenant, 'versions', id, { pageSize: 200 }),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/policies/{policy}/versions', { params: { path, query: { pageSize: 200 } }, signal })),
  });
  const latest = policy.data?.latestVersion ?? 0;
  const to = search.to === 'latest' || search.to === undefined ? latest : search.to;
  const from = search.from ?? to - 1;
  const comparable = latest > 0 && from > 0 && to > 0;
  const diff = useQuery({
    queryKey: keys.of(tenant, 'diff', id, from, to),
    queryFn: ({ signal }) =>
      exact<Diff>(
        api.GET('/v1/tenants/{tenant}/policies/{policy}/versions/{number}/diff', { params: { path: { ...path, number: to }, query: { from } }, parseAs: 'text', signal }),
      ),
    enabled: comparable,
    staleTime: Infinity,
  });
  const tab = search.tab ?? 'settings';
  const wantsContent = comparable && (tab === 'raw' || search.full === 1);
  const before = useVersion(tenant, id, wantsContent ? from : 0);
  const after = useVersion(tenant, id, wantsContent ? to : 0);

  const p = policy.data;
  const name = p ? p.name || list.noName : t.title;
  const go = (change: { from?: number; to?: number | 'latest' }) => void navigate({ to: '.', search: ((was: object) => ({ ...was, from, to: search.to ?? 'latest', ...change })) as never });
  const numbers = [...new Set([...(versions.data?.items.map((v) => v.number) ?? []), from, to])].filter((n) => n > 0).sort((a, b) => b - a);
  const at = (n: number) => versions.data?.items.find((v) => v.number === n)?.capturedAt;

  return (
    <Page
      title={`${t.title} – ${name}`}
      heading={<>{t.heading} <Name as="title">{name}</Name></>}
      crumbs={
        <>
          <Link to="/t/$tenant/policies" params={{ tenant }}>{list.title}</Link> / <Link to="/t/$tenant/policies/$policy" params={path}>{name}</Link>
        </>
      }
      sentence={diff.data ? (diff.data.equal ? t.equal(from, to) : diff.data.total === 0 ? t.unsure(from, to) : t.changes(diff.data.total, from, to)) : undefined}
    >
      <Loaded query={policy}>
        {() =>
          !comparable ? (
            <NeverUsed sentence={t.one} command={<Link to="/t/$tenant/policies/$policy" params={path}>{t.back}</Link>} />
          ) : (
            <>
              <div className={s.picker}>
                <label>
                  {t.from}
                  <Select value={String(from)} onChange={(_, d) => go({ from: Number(d.value) })}>
                    {numbers.map((n) => (
                      <option key={n} value={n}>{n}</option>
                    ))}
                  </Select>
                </label>
                <Button appearance="subtle" icon={<ArrowSwap20Regular />} onClick={() => go({ from: to, to: from })}>
                  {t.swap}
                </Button>
                <label>
                  {t.to}
                  <Select
                    value={search.to === 'latest' || search.to === undefined ? 'latest' : String(to)}
                    onChange={(_, d) => go({ to: d.value === 'latest' ? 'latest' : Number(d.value) })}
                  >
                    <option value="latest">{t.latest(latest)}</option>
                    {numbers.map((n) => (
                      <option key={n} value={n}>{n}</option>
                    ))}
                  </Select>
                </label>
                <span className={s.count}>
                  {at(from) ? <Time at={at(from)} /> : null} → {at(to) ? <Time at={at(to)} /> : null}
                </span>
              </div>
              <Loaded query={diff}>
                {(d) => (
                  <Tabs
                    label={t.tabsLabel}
                    value={tab}
                    onChange={(next) => filters.go({ tab: next === 'settings' ? undefined : next })}
                    options={(['settings', 'raw'] as const).map((value) => ({ value, label: t.tabs[value] }))}
                  >
                    <Unread diff={d} />
                    {tab === 'raw' ? (
                      <Loaded query={before}>{(b) => <Loaded query={after}>{(a) => <Lines before={b.raw} after={a.raw} />}</Loaded>}</Loaded>
                    ) : (
                      <Settings
                        diff={d}
                        name={name}
                        q={search.q}
                        setQ={(q) => filters.set({ q }, true)}
                        full={search.full === 1}
                        setFull={(full) => filters.go({ full: full ? 1 : undefined })}
                        same={search.full === 1 && before.data && after.data ? sameOf(before.data.content, after.data.content) : []}
                      />
                    )}
                  </Tabs>
                )}
              </Loaded>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function Unread({ diff }: { diff: Diff }) {
  const lacking = ([[diff.from.number, diff.unreadBefore], [diff.to.number, diff.unreadAfter]] as const).filter(([, parts]) => parts && parts.length > 0);
  if (lacking.length === 0) return null;
  return (
    <Notice kind="warning">
      {lacking.map(([n, parts]) => (
        <p key={n}>{t.unread(n, formatList((parts ?? []).map((part) => t.parts[part] ?? part)))}</p>
      ))}
    </Notice>
  );
}

/** Settings that both contents hold with the same value. */
function sameOf(before: unknown, after: unknown): ChangeRow[] {
  const known = new Map(settingsOf(before).map((row) => [`${row.section} ${row.label}`, row.value]));
  return settingsOf(after).flatMap((row, i) =>
    known.get(`${row.section} ${row.label}`) === row.value
      ? [{ id: `same-${i}`, label: row.label, section: row.section, kind: 'same', before: { text: row.value }, after: { text: row.value }, secret: false }]
      : [],
  );
}

interface SettingsProps {
  diff: Diff;
  name: string;
  q: string | undefined;
  setQ: (q: string | undefined) => void;
  full: boolean;
  setFull: (full: boolean) => void;
  same: ChangeRow[];
}

function Settings({ diff, name, q, setQ, full, setFull, same }: SettingsProps) {
  const changed = changeRows(diff.changes);
  const wanted = (q ?? '').toLocaleLowerCase();
  const rows = [...changed, ...same].filter((row) => !wanted || [row.label, row.before?.text, row.after?.text].some((text) => text?.toLocaleLowerCase().includes(wanted)));
  const columns: Column<ChangeRow>[] = [
    { key: 'kind', header: t.kind, width: '130px', cell: (row) => <StatusText status={icons[row.kind] ?? 'update'} words={t.kinds[row.kind] ?? row.kind} /> },
    { key: 'setting', header: t.setting, width: 'minmax(0, 1fr)', whole: true, cell: (row) => <bdi>{row.label}</bdi> },
    { key: 'before', header: t.version(diff.from.number), width: 'minmax(0, 1fr)', whole: true, cell: (row) => <Cell row={row} side="before" /> },
    { key: 'after', header: t.version(diff.to.number), width: 'minmax(0, 1fr)', whole: true, cell: (row) => <Cell row={row} side="after" /> },
  ];
  const copied = changed.map((row) => `${row.label}: ${row.secret ? t.secret : `${row.before?.text ?? '–'} → ${row.after?.text ?? '–'}`}`).join('\n');
  return (
    <>
      <FilterBar active={q ? 1 : 0} clear={() => setQ(undefined)}>
        <FilterSearch label={t.search} value={q} onChange={setQ} />
        <Checkbox label={t.full} checked={full} onChange={(_, d) => setFull(d.checked === true)} />
        <CopyButton value={copied} said={t.copied}>{t.copy}</CopyButton>
        <Button
          appearance="subtle"
          icon={<ArrowDownload20Regular />}
          onClick={() => download(`${fileName(name)}-v${diff.from.number}-v${diff.to.number}.json`, exactText(diff))}
        >
          {t.download}
        </Button>
      </FilterBar>
      {diff.truncated ? <Notice kind="warning"><p>{t.truncated(changed.length, diff.total)}</p></Notice> : null}
      {rows.length === 0 && q ? <NothingMatches what={t.noun} filters={1} clear={() => setQ(undefined)} /> : null}
      {SECTIONS.map((section) => {
        const here = rows.filter((row) => row.section === section);
        if (here.length === 0) return null;
        return (
          <section key={section} className={s.section}>
            <h2>
              {pt.sections[section] ?? section} <span className={s.count}>{here.filter((row) => row.kind !== 'same').length || ''}</span>
            </h2>
            <DataTable label={pt.sections[section] ?? section} columns={columns} rows={here} rowKey={(row) => row.id} detail={(row) => (within(row) ? <Words before={row.before?.text ?? ''} after={row.after?.text ?? ''} /> : null)} />
          </section>
        );
      })}
    </>
  );
}

const within = (row: ChangeRow): boolean => !row.secret && row.kind === 'changed' && row.before !== null && row.after !== null && isLong(row.before.text, row.after.text);

function Cell({ row, side }: { row: ChangeRow; side: 'before' | 'after' }) {
  const value = row[side];
  const mark = row.kind === 'same' ? s.same : side === 'after' ? s.after : s.before;
  if (row.secret) return <span className={s.before}>{t.secret}</span>;
  if (row.kind === 'unreadable' && !value) return <span className={s.before}>{t.notReadable}</span>;
  if (!value) return <>–</>;
  if (within(row)) return <span className={s.before}>{t.characters(value.text.length)}</span>;
  return (
    <span className={mark}>
      <LongText text={value.text} title={value.title} />
      {value.size ? <span className={s.count}> {t.piece(value.size)}</span> : null}
    </span>
  );
}
