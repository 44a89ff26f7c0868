// What Microsoft Graph answered, for people who ask its support.
import type { Run } from '../../api/types';
import { run as t } from '../../texts';
import { CopyButton } from '../../ui/text';
import s from './run.module.css';

/** What to tell Microsoft's support. */
export function GraphFacts({ failure }: { failure: NonNullable<Run['failure']> }) {
  if (!failure.graphCode && !failure.httpStatus && !failure.graphRequestId) return null;
  return (
    <p className={s.small}>
      {failure.httpStatus ? (
        <span>
          {t.httpStatus} {failure.httpStatus}
        </span>
      ) : null}
      {failure.graphCode ? (
        <span>
          {t.graphCode} <code>{failure.graphCode}</code>
        </span>
      ) : null}
      {failure.graphRequestId ? (
        <CopyButton value={failure.graphRequestId} said={t.graphIdCopied}>
          {t.copyGraphId}
        </CopyButton>
      ) : null}
    </p>
  );
}
