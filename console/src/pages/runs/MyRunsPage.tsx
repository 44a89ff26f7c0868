// My runs in all tenants.
import { getRouteApi } from '@tanstack/react-router';
import { api, data } from '../../api/client';
import { usePolled } from '../../poll/usePolled';
import { runs as t } from '../../texts';
import { Loaded, NeverUsed, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { useFilters } from '../../ui/useFilters';
import { RunTable } from './RunTable';
import type { RunList } from '../../api/types';

const route = getRouteApi('/shell/runs');

export function MyRunsPage() {
  const search = route.useSearch();
  const filters = useFilters(search, ['status', 'op', 'tenant', 'from', 'to']);
  const query = { active: true as const, pageSize: 50, pageToken: search.page };
  const runs = usePolled<RunList>({
    key: ['runs', query],
    ask: (signal) => data(api.GET('/v1/runs', { params: { query }, signal })),
    pace: (list) => (list?.items.length ? 'active' : 'idle'),
    keep: true,
  });
  return (
    <Page title={t.mine}>
      <Loaded query={runs}>
        {(list) =>
          list.items.length === 0 ? (
            <NeverUsed sentence={t.neverMine} />
          ) : (
            <>
              <RunTable label={t.mine} runs={list.items} tenants />
              <Pager page={search.page} next={list.nextPageToken} go={(page) => filters.go({ page })} />
            </>
          )
        }
      </Loaded>
    </Page>
  );
}
