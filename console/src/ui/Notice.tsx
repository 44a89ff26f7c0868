// A notice: quiet ground, an edge and an icon in the color of what it says.
import { Info20Regular } from '@fluentui/react-icons';
import type { ReactNode } from 'react';
import { CopyButton } from './text';
import { StatusIcon } from './status';
import { problemText } from './problems';
import { Button } from '@fluentui/react-components';
import { common as t } from '../texts';
import s from './ui.module.css';

export type NoticeKind = 'info' | 'success' | 'warning' | 'error';
const icons: Record<NoticeKind, string | null> = { info: null, success: 'succeeded', warning: 'partial', error: 'failed' };

export function Notice({ kind = 'info', children, commands, alert = false }: { kind?: NoticeKind; children: ReactNode; commands?: ReactNode; alert?: boolean }) {
  const icon = icons[kind];
  return (
    <div className={`${s.notice} ${s[kind]}`} role={alert ? 'alert' : undefined} data-notice={kind}>
      {icon ? <StatusIcon status={icon} /> : <Info20Regular className={s.brand} aria-hidden="true" />}
      <div>
        <div>{children}</div>
        {commands ? <div className={s.commands}>{commands}</div> : null}
      </div>
    </div>
  );
}

/** A failure: sentence, request id, and a way to try again. more: other ways on. */
export function ProblemNotice({ error, retry, more }: { error: unknown; retry?: () => void; more?: ReactNode }) {
  const { sentence, requestId, problem } = problemText(error);
  const again = retry && problem?.status !== 403 && problem?.status !== 404;
  return (
    <Notice
      kind="error"
      alert
      commands={
        again || requestId || more ? (
          <>
            {again ? <Button onClick={retry}>{t.tryAgain}</Button> : null}
            {more}
            {requestId ? <CopyButton value={requestId} said={t.requestIdCopied}>{t.copyRequestId}</CopyButton> : null}
          </>
        ) : undefined
      }
    >
      <p>{sentence}</p>
      {requestId ? (
        <p className={s.detail}>
          {t.requestId} <code>{requestId}</code>
        </p>
      ) : null}
    </Notice>
  );
}
