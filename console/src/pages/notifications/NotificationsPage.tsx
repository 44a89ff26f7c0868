// What my runs had to say, kept by the server: unread until it is read.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import { usePolled } from '../../poll/usePolled';
import { announce } from '../../shell/announce';
import { useInbox, useMarkRead, type NotificationList } from '../../shell/inbox';
import { useMemberships } from '../../shell/tenant';
import { notifications as t } from '../../texts';
import { Facets, FilterBar, FilterMenu } from '../../ui/FilterBar';
import { NotificationItem } from '../../ui/NotificationItem';
import { ProblemNotice } from '../../ui/Notice';
import { Loaded, NeverUsed, NothingMatches, Page } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { useFilters } from '../../ui/useFilters';

const route = getRouteApi('/shell/notifications');

export function NotificationsPage() {
  const search = route.useSearch();
  const filters = useFilters(search, ['show', 'tenant']);
  const memberships = useMemberships();
  const markRead = useMarkRead();
  const [error, setError] = useState<unknown>(null);
  const unread = useInbox().data?.unreadCount;
  const show = search.show ?? 'all';
  const query = { show, tenant: search.tenant, pageSize: 50, pageToken: search.page };
  const list = usePolled<NotificationList>({
    key: keys.notifications(query),
    ask: (signal) => data(api.GET('/v1/notifications', { params: { query }, signal })),
    pace: () => 'idle',
    keep: true,
  });
  const mark = (id?: string) => {
    setError(null);
    markRead(id).then(() => id === undefined && announce(t.markedRead), setError);
  };
  const active = filters.active - (search.show === 'all' ? 1 : 0);
  return (
    <Page
      title={t.title}
      sentence={unread === undefined ? undefined : t.sentence(unread)}
      commands={
        <Button disabledFocusable={!unread} onClick={() => mark()}>
          {t.markAllRead}
        </Button>
      }
    >
      <FilterBar active={active} clear={filters.clear}>
        <Facets
          label={t.show}
          value={show}
          options={['all', 'unread'].map((value) => ({ value, label: t.shows[value] ?? value }))}
          onChange={(v) => filters.set({ show: v === 'unread' ? 'unread' : undefined })}
        />
        {(memberships.data?.length ?? 0) > 1 ? (
          <FilterMenu
            label={t.tenant}
            options={(memberships.data ?? []).map((m) => ({ value: m.id, label: m.name }))}
            value={search.tenant ? [search.tenant] : undefined}
            onChange={(v) => filters.set({ tenant: v?.at(-1) })}
          />
        ) : null}
      </FilterBar>
      {error ? <ProblemNotice error={error} /> : null}
      <Loaded query={list}>
        {(page) => {
          if (page.items.length === 0) return active ? <NothingMatches what={t.noun} filters={active} clear={filters.clear} /> : <NeverUsed sentence={t.none} />;
          return (
            <>
              <ul aria-label={t.title}>
                {page.items.map((n) => (
                  <NotificationItem key={n.id} n={n} markRead={mark} />
                ))}
              </ul>
              <Pager page={search.page} next={page.nextPageToken} go={(token) => filters.go({ page: token })} />
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
