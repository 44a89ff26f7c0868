// The bell: how many notifications are unread, and the newest of them. On narrow
// pages it leads to their page instead.
import { Button, Popover, PopoverSurface, PopoverTrigger } from '@fluentui/react-components';
import { Alert20Regular } from '@fluentui/react-icons';
import { useState } from 'react';
import { useNavigate } from '@tanstack/react-router';
import { notifications as words, shell as t } from '../texts';
import { Link } from '../ui/links';
import { NotificationItem } from '../ui/NotificationItem';
import { ProblemNotice } from '../ui/Notice';
import { Loaded } from '../ui/Page';
import { announce } from './announce';
import { useInbox, useMarkRead } from './inbox';
import s from './shell.module.css';

export function Bell({ narrow }: { narrow: boolean }) {
  const inbox = useInbox();
  const markRead = useMarkRead();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const unread = inbox.data?.unreadCount ?? 0;
  const mark = (id?: string) => {
    setError(null);
    markRead(id).then(() => id === undefined && announce(words.markedRead), setError);
  };
  const button = (
    <Button
      appearance="subtle"
      className={s.bell}
      icon={<Alert20Regular />}
      aria-label={t.bell(unread)}
      onClick={narrow ? () => void navigate({ to: '/notifications' }) : undefined}
    >
      {unread > 0 ? (
        <span className={s.count} aria-hidden="true">
          {unread >= 100 ? '99+' : unread}
        </span>
      ) : null}
    </Button>
  );
  if (narrow) return button;
  return (
    <Popover open={open} onOpenChange={(_, d) => setOpen(d.open)} trapFocus positioning="below-end">
      <PopoverTrigger disableButtonEnhancement>{button}</PopoverTrigger>
      <PopoverSurface className={s.panel} aria-label={words.title}>
        <div className={s.panelHead}>
          <h2>{words.title}</h2>
          {unread > 0 ? (
            <Button size="small" onClick={() => mark()}>
              {words.markAllRead}
            </Button>
          ) : null}
        </div>
        {error ? <ProblemNotice error={error} /> : null}
        <Loaded query={inbox} rows={3}>
          {(list) =>
            list.items.length ? (
              <ul>
                {list.items.map((n) => (
                  <NotificationItem key={n.id} n={n} markRead={mark} onOpen={() => setOpen(false)} />
                ))}
              </ul>
            ) : (
              <p>{words.none}</p>
            )
          }
        </Loaded>
        <Link to="/notifications" onClick={() => setOpen(false)}>
          {words.allNotifications}
        </Link>
      </PopoverSurface>
    </Popover>
  );
}
