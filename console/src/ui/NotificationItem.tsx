// One notification: what happened, where, when, and the way to its run.
import { Button } from '@fluentui/react-components';
import type { Notification } from '../api/types';
import { common, notifications as t } from '../texts';
import { RunLink, Sentence } from './links';
import { StatusIcon } from './status';
import { Time } from './text';
import s from './notification.module.css';

export function NotificationItem({ n, markRead, onOpen }: { n: Notification; markRead: (id: string) => void; onOpen?: () => void }) {
  return (
    <li className={s.item} data-unread={!n.read}>
      <StatusIcon status={n.kind === 'drift' ? 'update' : n.status} />
      <div className={s.words}>
        <p className={n.read ? undefined : s.unread}>
          <bdi>{n.title}</bdi>
          {n.read ? null : <span className={s.mark}>{t.unread}</span>}
        </p>
        {n.body ? (
          <p>
            <Sentence text={n.body} names={[n.tenantName]} />
          </p>
        ) : null}
        <p className={s.detail}>
          <Time at={n.at} />
          <RunLink
            run={{ tenantId: n.tenantId, id: n.runId }}
            onClick={() => {
              if (!n.read) markRead(n.id);
              onOpen?.();
            }}
          >
            {common.viewRun}
            <span className="visuallyHidden">: {n.title}</span>
          </RunLink>
          {n.read ? null : (
            <Button size="small" appearance="transparent" onClick={() => markRead(n.id)}>
              {t.markRead}
              <span className="visuallyHidden">: {n.title}</span>
            </Button>
          )}
        </p>
      </div>
    </li>
  );
}
