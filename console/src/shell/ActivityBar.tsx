// The last row of the page: my active runs in all tenants. It has its own place,
// so it covers nothing, and goes when nothing runs.
import { Button } from '@fluentui/react-components';
import { ChevronDown20Regular, ChevronUp20Regular } from '@fluentui/react-icons';
import { useEffect, useRef } from 'react';
import type { Run } from '../api/types';
import { common, shell as t } from '../texts';
import { ProgressBar } from '../ui/ProgressBar';
import { RunLink, RunTitle, Sentence } from '../ui/links';
import { Name } from '../ui/text';
import { isTerminal, shownStatus, StatusIcon } from '../ui/status';
import { plainTitle, useActivity } from './activity';
import { bindKey } from './keys';
import { choose, useChoices } from './store';
import s from './shell.module.css';

function Row({ run }: { run: Run }) {
  const status = shownStatus(run);
  return (
    <li className={s.activityRow} data-run={run.id} data-status={run.status}>
      <span className={s.activityTitle}>
        <StatusIcon status={status} />
        <RunLink run={run}>
          <span className="visuallyHidden">{common.statuses[status]}: </span>
          <RunTitle run={run} />
        </RunLink>
      </span>
      <span className={s.activityTenant}>
        <Name>{run.tenantName}</Name>
      </span>
      <span className={s.activityProgress}>
        <ProgressBar thin counts={run.counts} label={`${common.progress}: ${plainTitle(run)}`} />
      </span>
      <span className={s.activityWords}>
        <Sentence text={run.sentence} names={[run.target.name, run.tenantName]} />
      </span>
    </li>
  );
}

export function ActivityBar() {
  const runs = useActivity();
  const { activityOpen } = useChoices();
  const toggle = useRef<HTMLButtonElement>(null);
  useEffect(() => bindKey('g a', () => toggle.current?.focus()), []);
  const first = runs[0];
  if (!first) return null;
  const active = runs.filter((r) => !isTerminal(r)).length;
  return (
    <section className={s.activity} aria-label={t.activityLabel}>
      <div className={s.activityHead}>
        <h2>{active ? t.activeRuns(active) : t.ended}</h2>
        {activityOpen ? (
          <span className={s.space} />
        ) : (
          <div className={s.activityFirst} data-status={first.status}>
            <StatusIcon status={shownStatus(first)} />
            <RunLink run={first}>
              <span className="visuallyHidden">{common.statuses[shownStatus(first)]}: </span>
              <RunTitle run={first} />
            </RunLink>
            <span className={s.activityMore}>
              · <bdi>{first.tenantName}</bdi> · <Sentence text={first.sentence} names={[first.target.name, first.tenantName]} />
            </span>
          </div>
        )}
        <Button
          ref={toggle}
          size="small"
          appearance="subtle"
          icon={activityOpen ? <ChevronDown20Regular /> : <ChevronUp20Regular />}
          aria-label={activityOpen ? t.hideActivity : t.showActivity}
          aria-expanded={activityOpen}
          onClick={() => choose({ activityOpen: !activityOpen })}
        />
      </div>
      {activityOpen ? (
         
        <ul className={s.activityRows} tabIndex={runs.length > 5 ? 0 : undefined} aria-label={t.activityLabel}>
          {runs.map((run) => (
            <Row key={run.id} run={run} />
          ))}
        </ul>
      ) : null}
    </section>
  );
}
