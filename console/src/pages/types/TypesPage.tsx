// Every policy type: whether it can be restored, what of it cannot be read, and how
// many policies of it the tenant has.
import { Button, Checkbox } from '@fluentui/react-components';
import { ChevronDown16Regular, ChevronRight16Regular } from '@fluentui/react-icons';
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { TypeOfTenant, TypesOfTenant } from '../../api/policyTypes';
import { count, formatNumber } from '../../format/format';
import { usePolled } from '../../poll/usePolled';
import { common, policies as pt, types as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Loaded, NothingMatches, Page } from '../../ui/Page';
import { StatusText } from '../../ui/status';
import { Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import s from './types.module.css';

const route = getRouteApi('/shell/t/$tenant/types');
const icons: Record<string, string> = { full: 'fine', preview_only: 'partial', capture_only: 'blocked' };

export function TypesPage() {
  const { tenant } = route.useParams();
  const search = route.useSearch();
  const filters = useFilters(search, ['q', 'area', 'restore', 'used']);
  const list = usePolled<TypesOfTenant>({
    key: keys.of(tenant, 'policy-types'),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/policy-types', { params: { path: { tenant } }, signal })),
    pace: () => 'idle',
  });
  const all = list.data?.items ?? [];
  const of = (level: string) => all.filter((type) => type.restorability.level === level).length;
  const wanted = (search.q ?? '').toLocaleLowerCase();
  const found = all.filter(
    (type) =>
      (!wanted || type.title.toLocaleLowerCase().includes(wanted) || type.id.includes(wanted) || type.collection.toLocaleLowerCase().includes(wanted)) &&
      (!search.area || search.area.includes(type.family)) &&
      (!search.restore || search.restore.includes(type.restorability.level as 'full')) &&
      (!search.used || type.policies > 0),
  );
  const columns: Column<TypeOfTenant>[] = [
    {
      key: 'title',
      header: t.columns.title,
      width: 'minmax(0, 3fr)',
      cell: (type) => (
        <Button
          appearance="transparent"
          size="small"
          className={s.expand}
          icon={search.item === type.id ? <ChevronDown16Regular /> : <ChevronRight16Regular />}
          aria-expanded={search.item === type.id}
          onClick={() => filters.go({ item: search.item === type.id ? undefined : type.id })}
        >
          {type.title}
        </Button>
      ),
    },
    { key: 'area', header: t.columns.area, width: 'minmax(0, 2fr)', cell: (type) => pt.families[type.family] ?? type.family },
    { key: 'level', header: t.columns.level, width: '150px', cell: (type) => <StatusText status={icons[type.restorability.level] ?? 'queued'} words={pt.levels[type.restorability.level] ?? type.restorability.level} /> },
    {
      key: 'policies',
      header: t.columns.policies,
      width: '90px',
      align: 'end',
      cell: (type) =>
        type.policies > 0 ? (
          <Link to="/t/$tenant/policies" params={{ tenant }} search={{ type: [type.id] }}>
            {formatNumber(type.policies)}
            <span className="visuallyHidden"> {type.title}</span>
          </Link>
        ) : (
          common.nothing
        ),
    },
    {
      key: 'never',
      header: t.columns.never,
      width: '120px',
      align: 'end',
      cell: (type) =>
        type.neverCaptured > 0 ? (
          <Link to="/t/$tenant/policies" params={{ tenant }} search={{ type: [type.id], state: 'never' }}>
            {formatNumber(type.neverCaptured)}
            <span className="visuallyHidden"> {type.title}</span>
          </Link>
        ) : (
          common.nothing
        ),
    },
    {
      key: 'note',
      header: t.columns.note,
      width: 'minmax(0, 4fr)',
      whole: true,
      cell: (type) => type.restorability.reason || (type.secrets.some((secret) => !secret.restorable) ? t.secretNote : common.nothing),
    },
  ];
  return (
    <Page title={t.title} sentence={list.data ? `${t.sentence(all.length, of('full'), of('preview_only'), of('capture_only'))} ${t.used(list.data.used)}` : undefined}>
      <FilterBar active={filters.active} clear={filters.clear} result={list.data ? count(found.length, 'type', 'types') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        <FilterMenu
          label={t.filters.area}
          options={Object.entries(pt.families).map(([value, label]) => ({ value, label, count: all.filter((type) => type.family === value).length }))}
          value={search.area}
          onChange={(area) => filters.set({ area })}
        />
        <FilterMenu
          label={t.filters.restore}
          options={Object.entries(pt.levels).map(([value, label]) => ({ value, label, count: of(value) }))}
          value={search.restore}
          onChange={(restore) => filters.set({ restore: restore as typeof search.restore })}
        />
        <Checkbox label={t.onlyUsed} checked={search.used === 1} onChange={(_, d) => filters.set({ used: d.checked === true ? 1 : undefined })} />
      </FilterBar>
      <Loaded query={list} rows={12}>
        {() =>
          found.length === 0 ? (
            <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
          ) : (
            <DataTable label={t.title} columns={columns} rows={found} rowKey={(type) => type.id} detail={(type) => (search.item === type.id ? <Details type={type} all={all} /> : null)} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Details({ type, all }: { type: TypeOfTenant; all: TypeOfTenant[] }) {
  const title = (id: string) => all.find((each) => each.id === id)?.title ?? id;
  return (
    <dl className={s.facts}>
      <dt>{t.collection}</dt>
      <dd>
        <code>{type.collection}</code>
      </dd>
      <dt>{t.read}</dt>
      <dd>
        {type.readPermissions.join(', ') || common.nothing} {type.readPermissions.length > 1 ? <span className={s.grey}>{t.readHint}</span> : null}
      </dd>
      <dt>{t.write}</dt>
      <dd>{type.writePermissions.join(', ') || common.nothing}</dd>
      <dt>{t.depends}</dt>
      <dd>{type.dependsOn.map(title).join(', ') || common.nothing}</dd>
      <dt>{t.secrets}</dt>
      <dd>
        {type.secrets.length === 0 ? (
          common.nothing
        ) : (
          <ul>
            {type.secrets.map((secret) => (
              <li key={secret.where}>
                <code>{secret.where}</code>: {secret.reason}
              </li>
            ))}
          </ul>
        )}
      </dd>
      <dt>{t.synced}</dt>
      <dd>{type.syncedAt ? <Time at={type.syncedAt} /> : t.notSynced}</dd>
    </dl>
  );
}
