// The newest notifications and how many are unread, by the server's count.
import { useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { api, data } from '../api/client';
import { keys } from '../api/keys';
import type { components } from '../api/schema';
import { usePolled } from '../poll/usePolled';

export type NotificationList = components['schemas']['NotificationList'];

export const useInbox = (): UseQueryResult<NotificationList> =>
  usePolled<NotificationList>({
    key: keys.inbox,
    ask: (signal) => data(api.GET('/v1/notifications', { params: { query: { pageSize: 10 } }, signal })),
    pace: () => 'idle',
  });

/** Marks one as read, or all. Lists that show them are read anew. */
export function useMarkRead(): (id?: string) => Promise<void> {
  const client = useQueryClient();
  return async (id) => {
    if (id === undefined) await data(api.POST('/v1/notifications/read-all'));
    else await data(api.POST('/v1/notifications/{notification}/read', { params: { path: { notification: id } } }));
    await Promise.all([client.invalidateQueries({ queryKey: keys.inbox }), client.invalidateQueries({ queryKey: ['notifications'] })]);
  };
}
