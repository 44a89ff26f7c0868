// What changed from another set until this one.
import { Field, Select } from '@fluentui/react-components';
import { useQuery } from '@tanstack/react-query';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import type { BackupItem, BackupSet } from '../../api/types';
import { absolute } from '../../format/format';
import { common, set as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { Facets } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Loaded, NothingMatches } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { StatusText } from '../../ui/status';
import { Name } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import s from './set.module.css';

type Comparison = components['schemas']['ComparisonView'];
type Kind = Comparison['kind'];
export interface CompareSearch {
  with?: string;
  kind?: Kind | 'all';
  page?: string;
}

const DIFFERENT: Kind[] = ['added', 'removed', 'changed', 'unknown'];
const icons: Record<string, string> = { added: 'create', removed: 'delete', changed: 'update', unchanged: 'none', unknown: 'partial' };
const held = (i: BackupItem | undefined) => (i ? (i.version ? t.version(i.version) : (t.states[i.state] ?? i.state)) : common.nothing);

export function CompareTab({ tenant, set, search }: { tenant: string; set: BackupSet; search: CompareSearch }) {
  const filters = useFilters(search, ['kind']);
  const others = useQuery({
    queryKey: keys.of(tenant, 'sets', 'choice'),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/backup-sets', { params: { path: { tenant }, query: { pageSize: 100 } }, signal })),
  });
  const choices = (others.data?.items ?? []).filter((b) => b.id !== set.id);
  const other = choices.find((b) => b.id === search.with);
  const kind: Kind[] | undefined = search.kind === 'all' ? undefined : search.kind ? [search.kind] : DIFFERENT;
  const query = { from: search.with ?? '', kind, pageSize: 100, pageToken: search.page };
  const list = useQuery({
    queryKey: keys.of(tenant, 'set-comparison', set.id, query),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/comparison', { params: { path: { tenant, set: set.id }, query }, signal })),
    enabled: Boolean(search.with),
  });
  const columns: Column<Comparison>[] = [
    { key: 'kind', header: t.compareColumns.kind, width: '150px', cell: (c) => <StatusText status={icons[c.kind] ?? 'queued'} words={t.kinds[c.kind] ?? c.kind} /> },
    {
      key: 'name',
      header: t.compareColumns.name,
      width: 'minmax(0, 3fr)',
      cell: (c) => (
        <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: c.policyId }}>
          <Name>{c.name}</Name>
        </Link>
      ),
    },
    { key: 'type', header: t.compareColumns.type, width: 'minmax(0, 2fr)', cell: (c) => c.typeTitle },
    { key: 'from', header: t.compareColumns.from, width: '110px', cell: (c) => held(c.from) },
    { key: 'to', header: t.compareColumns.to, width: '110px', cell: (c) => held(c.to) },
    {
      key: 'diff',
      header: t.compareColumns.diff,
      width: '150px',
      cell: (c) =>
        c.diff && c.from?.version && c.to?.version ? (
          <Link to="/t/$tenant/policies/$policy/diff" params={{ tenant, policy: c.policyId }} search={{ from: c.from.version, to: c.to.version }}>
            {t.openDiff}
            <span className="visuallyHidden">: {c.name}</span>
          </Link>
        ) : (
          common.nothing
        ),
    },
  ];
  if (others.data && choices.length === 0 && !search.with) return <p>{t.noOther}</p>;
  return (
    <>
      <div className={s.picker}>
        <Field label={t.compareWith}>
          <Select value={search.with ?? ''} onChange={(_, d) => filters.go({ with: d.value || undefined, page: undefined })}>
            <option value="">{t.chooseSet}</option>
            {search.with && others.data && !other ? <option value={search.with}>{search.with}</option> : null}
            {choices.map((b) => (
              <option key={b.id} value={b.id}>
                {b.name} – {absolute(b.createdAt)}
              </option>
            ))}
          </Select>
        </Field>
        {search.with ? (
          <Facets
            label={t.kindLabel}
            value={search.kind ?? 'different'}
            onChange={(next) => filters.set({ kind: next === 'different' ? undefined : (next as Kind | 'all') })}
            options={[
              { value: 'different', label: t.different },
              ...(['added', 'removed', 'changed', 'unknown', 'all'] as const).map((value) => ({ value, label: t.kinds[value] ?? value })),
            ]}
          />
        ) : null}
      </div>
      {search.with ? (
        <Loaded query={list}>
          {(found) => {
            if (found.items.length === 0 && search.kind) return <NothingMatches what={t.comparisonNoun} filters={1} clear={filters.clear} />;
            if (found.items.length === 0) return <p>{t.allSame}</p>;
            return (
              <>
                <DataTable label={t.tabs.compare ?? ''} columns={columns} rows={found.items} rowKey={(c) => c.policyId} />
                <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page })} />
              </>
            );
          }}
        </Loaded>
      ) : (
        <p>{t.compareHint}</p>
      )}
    </>
  );
}
