// Sentences of the page "Notifications" and of the bell.
import { count } from '../../format/format';

export const notifications = {
  title: 'Notifications',
  sentence: (unread: number) => (unread === 0 ? 'Nothing is unread.' : unread >= 100 ? 'More than 99 are unread.' : count(unread, 'notification is unread.', 'notifications are unread.')),
  markAllRead: 'Mark all as read',
  markRead: 'Mark as read',
  markReadOf: (title: string) => `Mark as read: ${title}`,
  viewRunOf: (title: string) => `View run: ${title}`,
  unread: 'Unread',
  show: 'Show',
  shows: { all: 'All', unread: 'Unread' } as Record<string, string>,
  tenant: 'Tenant',
  noun: 'notifications',
  none: 'No notification yet. They appear when runs of yours begin and end.',
  allNotifications: 'All notifications',
  markedRead: 'All are marked as read',
};
