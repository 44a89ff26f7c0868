// What of a tenant wants a person, the most urgent first, each with the way to it.
import type { Need, Overview } from '../../api/types';
import { common, overview as t } from '../../texts';
import { CommandLink } from '../../ui/CommandLink';
import { Sentence } from '../../ui/links';
import { StatusIcon } from '../../ui/status';
import { Time } from '../../ui/text';
import s from './overview.module.css';

export const needIcon = (need: Need): string => (need.kind === 'drift' ? 'update' : need.severity === 'error' ? 'failed' : need.severity === 'warning' ? 'partial' : 'note');

function Way({ need, tenant }: { need: Need; tenant: string }) {
  const spoken = <span className="visuallyHidden">: {need.sentence}</span>;
  if (need.kind === 'connection') {
    return (
      <CommandLink size="small" to="/t/$tenant/connection" params={{ tenant }}>
        {t.needLinks.connection}
      </CommandLink>
    );
  }
  if (need.kind === 'drift') {
    return (
      <CommandLink size="small" to="/t/$tenant/drift" params={{ tenant }}>
        {t.needLinks.drift}
      </CommandLink>
    );
  }
  if (need.runId) {
    return (
      <CommandLink size="small" to="/t/$tenant/runs/$run" params={{ tenant, run: need.runId }}>
        {t.needLinks.run}
        {spoken}
      </CommandLink>
    );
  }
  if (need.backupSetId) {
    return (
      <CommandLink size="small" to="/t/$tenant/sets/$set" params={{ tenant, set: need.backupSetId }}>
        {t.needLinks.backup}
        {spoken}
      </CommandLink>
    );
  }
  return (
    <CommandLink size="small" to="/t/$tenant/schedules" params={{ tenant }}>
      {t.needLinks.schedules}
    </CommandLink>
  );
}

export function Needs({ of: o }: { of: Overview }) {
  if (o.needs.length === 0) {
    return (
      <p className={s.fine}>
        <StatusIcon status="fine" />
        {t.noNeeds}
      </p>
    );
  }
  return (
    <section className={s.section} aria-labelledby="needs">
      <h2 id="needs">{t.needs(o.needs.length)}</h2>
      <ul>
        {o.needs.map((need) => (
          <li key={`${need.code} ${need.runId ?? need.backupSetId ?? ''}`} className={s.need} data-need={need.code}>
            <StatusIcon status={needIcon(need)} />
            <div className={s.needWords}>
              <p className={s.needTitle}>
                {need.operation ? `${common.operations[need.operation] ?? need.operation}: ` : ''}
                <Sentence text={need.sentence} names={[o.tenant.name]} />
              </p>
              {need.next || need.since ? (
                <p className={s.needNext}>
                  {need.next ? `${need.next} ` : ''}
                  {need.since ? <Time at={need.since} /> : null}
                </p>
              ) : null}
            </div>
            <Way need={need} tenant={o.tenant.id} />
          </li>
        ))}
      </ul>
    </section>
  );
}
