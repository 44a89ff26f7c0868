// What became of each item: pages of a hundred, filtered by the server, with the
// reasons as facets. What needs attention is explained below its row.
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolicyTypes } from '../../api/policyTypes';
import type { Outcome, Run } from '../../api/types';
import type { components } from '../../api/schema';
import { usePolled } from '../../poll/usePolled';
import { common, run as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, Sentence } from '../../ui/links';
import { Loaded, NeverUsed, NothingMatches } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { isTerminal, StatusText } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { GraphFacts } from './GraphFacts';
import s from './run.module.css';

type RunItems = components['schemas']['RunItems'];

/** The values of the address that the items are filtered by. */
interface Search {
  outcome?: string[];
  reason?: string[];
  q?: string;
  page?: string;
}

const PAGE = 100;
const OUTCOMES = ['succeeded', 'failed', 'skipped'] as const;
type Outcomes = (typeof OUTCOMES)[number];

const shown = (o: Outcome): string => (o.status === 'succeeded' && o.needsAttention ? 'note' : o.status);

export function Items({ run, attention, search }: { run: Run; attention: boolean; search: Search }) {
  const filters = useFilters(search, ['outcome', 'reason', 'q']);
  const query = {
    pageSize: PAGE, pageToken: search.page, reason: search.reason, q: search.q,
    outcome: search.outcome?.filter((o): o is Outcomes => (OUTCOMES as readonly string[]).includes(o)), attention: attention || undefined,
  };
  const path = { tenant: run.tenantId, run: run.id };
  const items = usePolled<RunItems>({
    // A run that has ended is read once more: its last items came with the end.
    key: keys.of(run.tenantId, 'run', run.id, 'items', query, isTerminal(run)),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}/items', { params: { path, query }, signal })),
    pace: () => (isTerminal(run) ? 'ended' : 'active'),
    keep: true,
  });
  const types = usePolicyTypes(run.tenantId);
  const titleOf = (type: string) => types.data?.items.find((each) => each.id === type)?.title ?? type;
  const reasons = items.data?.reasons ?? run.reasons ?? [];
  const columns: Column<Outcome>[] = [
    {
      key: 'item', header: t.columns.item, width: 'minmax(0, 3fr)',
      cell: (o) =>
        o.key.startsWith('pol_') ? (
          <Link to="/t/$tenant/policies/$policy" params={{ tenant: run.tenantId, policy: o.written?.policyId ?? o.key }} title={o.name}>
            <Name>{o.name}</Name>
          </Link>
        ) : (
          <Name>{o.name}</Name>
        ),
    },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 2fr)', cell: (o) => (o.type ? titleOf(o.type) : common.nothing) },
    { key: 'outcome', header: t.columns.outcome, width: '150px', cell: (o) => <StatusText status={shown(o)} /> },
    { key: 'code', header: t.columns.code, width: 'minmax(0, 2fr)', cell: (o) => (o.code ? <code>{o.code}</code> : o.written ? `${t.wrote[o.written.action] ?? o.written.action}` : o.version ? t.version(o.version) : common.nothing) },
    { key: 'at', header: t.columns.at, width: '110px', align: 'end', cell: (o) => <Time at={o.at} /> },
  ];
  return (
    <>
      <FilterBar active={filters.active} clear={filters.clear} result={items.data ? common.results(items.data.items.length, Boolean(items.data.nextPageToken), 'item', 'items') : undefined}>
        <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
        {attention ? null : (
          <FilterMenu
            label={t.outcome}
            options={OUTCOMES.map((value) => ({ value, label: common.statuses[value] ?? value, count: run.counts[value] }))}
            value={search.outcome}
            onChange={(outcome) => filters.set({ outcome })}
          />
        )}
        <FilterMenu
          label={t.reasons}
          options={reasons.filter((r) => !attention || r.needsAttention).map((r) => ({ value: r.code, label: r.code, count: r.items }))}
          value={search.reason}
          onChange={(reason) => filters.set({ reason })}
        />
      </FilterBar>
      <Loaded query={items}>
        {(list) =>
          list.items.length === 0 ? (
            filters.active > 0 ? (
              <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />
            ) : (
              <NeverUsed sentence={attention ? t.noAttention : isTerminal(run) ? t.noneEver : t.noItems} />
            )
          ) : (
            <>
              <DataTable
                label={attention ? t.attention : t.all}
                columns={columns}
                rows={list.items}
                rowKey={(o) => o.key}
                total={filters.active === 0 && !attention ? run.counts.total : undefined}
                detail={(o) => (o.needsAttention ? <Why of={o} run={run} /> : null)}
              />
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

/** Why an item ended as it did, and what to do. */
function Why({ of: o, run }: { of: Outcome; run: Run }) {
  const plan = run.related?.find((r) => r.kind === 'plan')?.id ?? (run.operation === 'restore.preview' ? run.id : undefined);
  return (
    <div className={s.why}>
      <p>
        <Sentence text={o.sentence ?? common.unknownCode(o.code ?? '')} names={[o.name, run.tenantName]} />
        {o.next ? (
          <>
            {' '}
            {t.next} {o.next}
          </>
        ) : null}
      </p>
      {o.supersededBy ? (
        <p>
          {t.supersededItem}{' '}
          <Link to="/t/$tenant/runs/$run" params={{ tenant: run.tenantId, run: o.supersededBy }}>
            {common.viewRun}
          </Link>
        </p>
      ) : null}
      <div className={s.small}>
        {o.attempts > 1 ? <span>{t.attempts(o.attempts)}</span> : null}
        {o.written ? <span>{t.writesMade(o.written.writes)}</span> : null}
        {plan ? (
          <Link to="/t/$tenant/runs/$run/plan" params={{ tenant: run.tenantId, run: plan }} search={{ item: o.key }}>
            {t.openInPlan}
          </Link>
        ) : null}
      </div>
      {o.failure ? <GraphFacts failure={o.failure} /> : null}
    </div>
  );
}
