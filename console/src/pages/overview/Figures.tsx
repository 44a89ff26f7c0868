// The figures of a tenant, each with the way to what it counts.
import type { ReactNode } from 'react';
import type { Overview } from '../../api/types';
import { age, clockTime, formatNumber } from '../../format/format';
import { common, overview as t } from '../../texts';
import { Link } from '../../ui/links';
import { Name, Time } from '../../ui/text';
import s from './overview.module.css';

function Figure({ label, value, children }: { label: string; value: ReactNode; children: ReactNode }) {
  return (
    <div className={s.figure}>
      <dt className={s.label}>{label}</dt>
      <dd className={s.value}>{value}</dd>
      <dd className={s.note}>{children}</dd>
    </div>
  );
}

const DAY = 24 * 3_600_000;
const MOST_DRIFT = 1000; // more are not counted

/** "02:00" within a day, else how long from now. */
const soon = (iso: string): ReactNode => (Date.parse(iso) - Date.now() < DAY ? clockTime(iso) : <Time at={iso} future />);

export function Figures({ of: o }: { of: Overview }) {
  const params = { tenant: o.tenant.id };
  const c = o.coverage;
  const drift = o.openDrift;
  return (
    <dl className={s.figures} aria-label={t.figures}>
      <Figure label={t.policies} value={c ? formatNumber(c.policies) : common.nothing}>
        <Link to="/t/$tenant/policies" params={params}>
          {c ? t.policiesNote(c.covered) : t.policies}
        </Link>
      </Figure>
      <Figure label={t.coverage} value={c ? `${c.percent}%` : common.nothing}>
        {c?.neverCaptured ? (
          <Link to="/t/$tenant/policies" params={params} search={{ state: 'never' }}>
            {t.coverageNever(c.neverCaptured)}
          </Link>
        ) : (
          <Link to="/t/$tenant/types" params={params}>
            {c ? t.coverageWhole : t.coverage}
          </Link>
        )}
      </Figure>
      <Figure label={t.oldest} value={c?.oldestCapturedAt ? age(c.oldestCapturedAt) : common.nothing}>
        {c?.oldestCapturedAt ? (
          <Link to="/t/$tenant/sets" params={params}>
            <Time at={c.oldestCapturedAt} />
          </Link>
        ) : (
          t.oldestNone
        )}
      </Figure>
      <Figure label={t.drift} value={drift === undefined ? common.nothing : drift >= MOST_DRIFT ? t.more(MOST_DRIFT) : formatNumber(drift)}>
        {drift ? (
          <Link to="/t/$tenant/drift" params={params}>
            {t.driftNote}
          </Link>
        ) : o.schedules.total === 0 ? (
          <Link to="/t/$tenant/schedules" params={params}>
            {t.driftUncounted}
          </Link>
        ) : (
          t.driftNone
        )}
      </Figure>
      <Figure label={t.next} value={o.nextFiring ? soon(o.nextFiring.at) : common.nothing}>
        <Link to="/t/$tenant/schedules" params={params}>
          {o.nextFiring ? <Name>{o.nextFiring.name}</Name> : o.schedules.paused ? t.nextPaused(o.schedules.paused) : t.nextNone}
        </Link>
      </Figure>
    </dl>
  );
}
