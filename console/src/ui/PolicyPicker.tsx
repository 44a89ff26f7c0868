// A list of the tenant's policies to check: found by name and type, with what is
// checked kept while one searches on.
import { useState } from 'react';
import { api, data } from '../api/client';
import { keys } from '../api/keys';
import { usePolicyTypes } from '../api/policyTypes';
import type { components } from '../api/schema';
import type { Policy } from '../api/types';
import { usePolled } from '../poll/usePolled';
import { common, policies as t } from '../texts';
import { DataTable, type Column } from './DataTable';
import { FilterBar, FilterSearch } from './FilterBar';
import { Loaded, NeverUsed, NothingMatches } from './Page';
import { Pager } from './Pager';
import { Name } from './text';
import { TypeFilter } from './TypeFilter';

type PolicyList = components['schemas']['ListPolicyView'];

export interface PolicyPickerProps {
  tenant: string;
  q: string | undefined;
  type: string[] | undefined;
  onFilter: (change: { q?: string; type?: string[] }, typing: boolean) => void;
  chosen: ReadonlySet<string>;
  onChoose: (next: Set<string>, rows: Policy[]) => void;
  pageSize?: number;
}

export function PolicyPicker({ tenant, q, type, onFilter, chosen, onChoose, pageSize = 25 }: PolicyPickerProps) {
  const [page, setPage] = useState<string | undefined>();
  const types = usePolicyTypes(tenant);
  const query = { q, type, state: 'present' as const, pageSize, pageToken: page };
  const list = usePolled<PolicyList>({
    key: keys.of(tenant, 'policies', query),
    ask: (signal) => data(api.GET('/v1/tenants/{tenant}/policies', { params: { path: { tenant }, query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const active = (q ? 1 : 0) + (type ? 1 : 0);
  const filter = (change: { q?: string; type?: string[] }, typing: boolean) => {
    setPage(undefined);
    onFilter(change, typing);
  };
  const clear = () => filter({ q: undefined, type: undefined }, false);
  const columns: Column<Policy>[] = [
    { key: 'name', header: t.columns.name, width: 'minmax(0, 2fr)', cell: (p) => <Name>{p.name || t.noName}</Name> },
    { key: 'type', header: t.columns.type, width: 'minmax(0, 1fr)', cell: (p) => <Name>{p.typeTitle}</Name> },
  ];
  return (
    <>
      <FilterBar active={active} clear={clear} result={list.data ? common.results(list.data.items.length, Boolean(list.data.nextPageToken), 'policy', 'policies') : undefined}>
        <FilterSearch label={t.search} value={q} onChange={(next) => filter({ q: next, type }, true)} />
        <TypeFilter label={t.filters.type} types={types.data?.items} value={type} onChange={(next) => filter({ q, type: next }, false)} />
      </FilterBar>
      <Loaded query={list}>
        {(found) => {
          if (found.items.length === 0) return active > 0 ? <NothingMatches what={t.noun} filters={active} clear={clear} /> : <NeverUsed sentence={t.never} />;
          return (
            <>
              <DataTable
                label={t.title}
                columns={columns}
                rows={found.items}
                rowKey={(p) => p.id}
                rowName={(p) => p.name || t.noName}
                selected={chosen}
                onSelect={(next) => onChoose(next, found.items)}
              />
              <Pager page={page} next={found.nextPageToken} go={setPage} />
            </>
          );
        }}
      </Loaded>
    </>
  );
}
