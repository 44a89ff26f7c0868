// The items of a run, a hundred a page: what became of each, why, and what to do.
// n and p go to the next and the previous one that needs attention.
import { Button } from '@fluentui/react-components';
import { ChevronDown20Regular, ChevronRight20Regular } from '@fluentui/react-icons';
import { useEffect, useRef } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolicyTypes } from '../../api/policyTypes';
import type { Run, RunItem, RunItemList } from '../../api/types';
import { askNow, usePolled } from '../../poll/usePolled';
import { bindKey } from '../../shell/keys';
import { common, run as t } from '../../texts';
import { CommandLink } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { Facets, FilterBar, FilterMenu, FilterSearch } from '../../ui/FilterBar';
import { Link, RunLink, Sentence } from '../../ui/links';
import { Loaded, NothingMatches } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { isTerminal, StatusText } from '../../ui/status';
import { Name } from '../../ui/text';
import { useFilters } from '../../ui/useFilters';
import { reasonWords } from './reasons';
import { FailureCodes, writes } from './RunPage';
import s from './run.module.css';

const PAGE = 100;
const CHIPS = 8; // reasons shown as chips; more are in a menu

export interface ItemSearch {
  outcome?: string[];
  reason?: string[];
  q?: string;
  item?: string;
  page?: string;
}

const OUTCOMES = ['succeeded', 'failed', 'skipped'] as const;
type Outcome = (typeof OUTCOMES)[number];
const known = (values: string[] | undefined): Outcome[] | undefined => {
  const found = OUTCOMES.filter((o) => values?.includes(o));
  return found.length ? found : undefined;
};

const shownOutcome = (i: RunItem): string => (i.status === 'succeeded' && i.needsAttention ? 'note' : i.status);

/** What happened, in few words, of items of which the API says no sentence. */
function inFewWords(i: RunItem): string {
  if (i.written) return [t.written[i.written.action], i.version ? t.version(i.version).toLowerCase() : ''].filter(Boolean).join(', ');
  const numbers = Object.entries(i.numbers ?? {}).flatMap(([name, n]) => (n > 0 && t.numbers[name] ? [t.numbers[name](n)] : []));
  if (numbers.length > 0) return numbers.join(', ');
  return i.version ? t.version(i.version) : '';
}

export function ItemsTab({ run, attention, search }: { run: Run; attention: boolean; search: ItemSearch }) {
  const tenant = run.tenantId;
  const filters = useFilters(search, attention ? ['reason', 'q'] : ['outcome', 'reason', 'q']);
  const types = usePolicyTypes(tenant);
  const ended = isTerminal(run);
  const outcome = attention ? undefined : known(search.outcome);
  const query = { attention: attention || undefined, outcome, reason: search.reason, q: search.q, pageSize: PAGE, pageToken: search.page };
  const key = keys.of(tenant, 'run-items', run.id, query);
  const list = usePolled<RunItemList>({
    key,
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/runs/{run}/items', { params: { path: { tenant, run: run.id }, query }, signal })),
    pace: () => (ended ? 'ended' : 'active'),
    keep: true,
  });
  // The last items may have come after the last look.
  const was = useRef(ended);
  useEffect(() => {
    if (ended && !was.current) askNow(key);
    was.current = ended;
  });

  const items = list.data?.items ?? [];
  const planRun = run.operation === 'restore.preview' ? run.id : writes(run) ? run.related?.find((r) => r.kind === 'plan')?.id : undefined;
  const open = (item: string | undefined) => filters.go({ item });
  const move = (by: 1 | -1) => {
    const urgent = items.filter((i) => i.needsAttention);
    const at = urgent.findIndex((i) => i.key === search.item);
    const next = urgent[at === -1 ? (by === 1 ? 0 : urgent.length - 1) : Math.min(urgent.length - 1, Math.max(0, at + by))];
    if (!next) return;
    filters.set({ item: next.key, page: search.page }, true);
    const row = document.querySelector<HTMLElement>(`[data-row="${CSS.escape(next.key)}"]`);
    row?.querySelector('button')?.focus();
    row?.scrollIntoView({ block: 'nearest' });
  };
  const moveRef = useRef(move);
  moveRef.current = move;
  useEffect(() => {
    const both = [bindKey('n', () => moveRef.current(1)), bindKey('p', () => moveRef.current(-1))];
    return () => both.forEach((unbind) => unbind());
  }, []);

  const title = (type: string | undefined) => types.data?.items.find((each) => each.id === type)?.title ?? type ?? '';
  const columns: Column<RunItem>[] = [
    { key: 'outcome', header: t.columns.outcome, width: '144px', cell: (i) => <StatusText status={shownOutcome(i)} /> },
    {
      key: 'name',
      header: t.columns.name,
      width: 'minmax(0, 2fr)',
      cell: (i) =>
        i.kind === 'policy' || i.kind === 'vanished' ? (
          <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: i.written?.policyId ?? i.key }} title={i.name}>
            <Name>{i.name}</Name>
          </Link>
        ) : (
          <Name>{i.name}</Name>
        ),
    },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 1.2fr)', cell: (i) => (i.kind === 'policy' || i.kind === 'vanished' ? <Name>{title(i.type)}</Name> : common.nothing) },
    {
      key: 'what',
      header: t.columns.what,
      width: 'minmax(0, 3fr)',
      wraps: true,
      cell: (i) => (
        <>
          <span className={s.what}>{i.sentence ? <Sentence text={i.sentence} names={[i.name, run.tenantName]} /> : inFewWords(i) || common.nothing}</span>
          {i.code && i.needsAttention ? <span className={s.under}>{[i.code, step(i)].filter(Boolean).join(' · ')}</span> : null}
        </>
      ),
    },
    {
      key: 'details',
      header: <span className="visuallyHidden">{t.columns.details}</span>,
      width: '32px',
      align: 'end',
      cell: (i) => (
        <Button
          size="small"
          appearance="subtle"
          aria-expanded={search.item === i.key}
          aria-label={t.detailsOf(i.name)}
          icon={search.item === i.key ? <ChevronDown20Regular /> : <ChevronRight20Regular />}
          onClick={() => open(search.item === i.key ? undefined : i.key)}
        />
      ),
    },
  ];

  const reasons = (list.data?.reasons ?? []).filter((r) => !attention || r.needsAttention);
  const all = attention ? run.counts.failed + run.counts.skipped + (run.notes ?? 0) : run.counts.succeeded + run.counts.failed + run.counts.skipped;
  const chips = reasons.length > 0 && reasons.length <= CHIPS;
  const options = reasons.map((r) => ({ value: r.code, label: reasonWords(r.code), count: r.items }));
  // Several reasons in the address are possible; a chip sets one.
  const chosen = search.reason?.length === 1 ? (search.reason[0] as string) : search.reason ? 'several' : '';
  return (
    <>
      {chips && attention ? (
        <Facets
          label={t.reasons}
          options={[{ value: '', label: t.allReasons, count: all }, ...options]}
          value={chosen}
          onChange={(value) => filters.set({ reason: value ? [value] : undefined, item: undefined })}
        />
      ) : null}
      {all > 0 || filters.active > 0 ? (
        <FilterBar
          active={filters.active}
          clear={filters.clear}
          result={list.data ? common.results(items.length, Boolean(list.data.nextPageToken), 'item', 'items') : undefined}
        >
          <FilterSearch label={t.search} value={search.q} onChange={(q) => filters.set({ q }, true)} />
          {attention ? null : (
            <FilterMenu
              label={t.outcomes}
              options={OUTCOMES.map((value) => ({ value, label: common.statuses[value] ?? value, count: run.counts[value] }))}
              value={outcome}
              onChange={(next) => filters.set({ outcome: next })}
            />
          )}
          {options.length > 0 && !(chips && attention) ? (
            <FilterMenu label={t.reasons} options={options} value={search.reason} onChange={(reason) => filters.set({ reason })} />
          ) : null}
        </FilterBar>
      ) : null}
      <Loaded query={list} rows={10}>
        {(found) => {
          if (found.items.length === 0 && filters.active > 0) return <NothingMatches what={t.noun} filters={filters.active} clear={filters.clear} />;
          if (found.items.length === 0 && search.page === undefined) {
            return <p className={s.quiet}>{attention ? (ended ? t.nothingNeeds : t.nothingNeedsYet) : ended ? t.noItems : t.noItemsYet}</p>;
          }
          return (
            <>
              <DataTable
                label={attention ? t.tabs.attention : t.tabs.all}
                columns={columns}
                rows={found.items}
                rowKey={(i) => i.key}
                twoLines
                detail={(i) => (i.key === search.item ? <Detail run={run} item={i} planRun={planRun} /> : null)}
              />
              <Pager page={search.page} next={found.nextPageToken} go={(page) => filters.go({ page, item: undefined })} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function step(i: RunItem): string {
  const name = i.failure?.params?.step;
  return typeof name === 'string' && name ? t.step(name) : '';
}

function Detail({ run, item, planRun }: { run: Run; item: RunItem; planRun: string | undefined }) {
  const sentence = item.failure?.sentence && item.failure.sentence !== item.sentence ? item.failure.sentence : '';
  const next = item.next ?? item.failure?.next;
  const before = item.written?.beforeVersion;
  return (
    <div className={s.detail}>
      <p className={s.whole}>
        <Name as="whole">{item.name}</Name>
      </p>
      {sentence || item.sentence ? (
        <p>
          <Sentence text={sentence || (item.sentence as string)} names={[item.name, run.tenantName]} />
        </p>
      ) : (
        <p>{inFewWords(item) || t.noFailure}</p>
      )}
      {next ? (
        <p>
          <strong>{t.failureNext}</strong> <Sentence text={next} names={[item.name, run.tenantName]} />
        </p>
      ) : null}
      {item.supersededBy ? (
        <p className="inText">
          {t.itemSuperseded} <RunLink run={{ tenantId: run.tenantId, id: item.supersededBy }} />
        </p>
      ) : null}
      <div className={s.tools}>
        {planRun ? (
          <CommandLink to="/t/$tenant/runs/$run/plan" params={{ tenant: run.tenantId, run: planRun }} search={{ item: item.key }} size="small">
            {t.openInPlan}
          </CommandLink>
        ) : null}
        {before ? (
          <CommandLink to="/t/$tenant/policies/$policy" params={{ tenant: run.tenantId, policy: item.written?.policyId ?? item.key }} search={{ v: before }} size="small" subtle>
            {t.openVersion(before)}
          </CommandLink>
        ) : null}
        <FailureCodes failure={item.failure} more={[item.code ?? '', item.attempts > 0 ? t.attempts(item.attempts) : '']} />
      </div>
    </div>
  );
}
