// A button that starts a run: it answers at once with "Queued. View run", a double
// click starts one run, and one above the role says what it needs.
import { Button } from '@fluentui/react-components';
import { useId, useRef, useState, type ReactElement } from 'react';
import type { Role, Run } from '../api/types';
import { start } from '../api/start';
import { follow, useActivity } from '../shell/activity';
import { announce } from '../shell/announce';
import { common as t } from '../texts';
import { RunLink } from './links';
import { problemText } from './problems';
import { isTerminal, StatusText } from './status';
import s from './ui.module.css';

const RANK: Role[] = ['viewer', 'operator', 'restorer', 'owner'];
/** Whether a role may do what asks for another. */
export const includes = (role: Role | undefined, need: Role): boolean => role !== undefined && RANK.indexOf(role) >= RANK.indexOf(need);

export interface RunStartButtonProps {
  children: string;
  /** Said beside the label to those who listen, such as the row's name. */
  spoken?: string;
  role: Role | undefined;
  need: Role;
  /** Sends the start with the key of this click; see api/start.ts. */
  ask: Parameters<typeof start<Run>>[0];
  onStarted?: (run: Run) => void;
  primary?: boolean;
  icon?: ReactElement;
  size?: 'small' | 'medium';
}

export function RunStartButton({ children, spoken, role, need, ask, onStarted, primary = false, icon, size = 'medium' }: RunStartButtonProps) {
  const [answer, setAnswer] = useState<{ run?: Run; error?: unknown } | 'busy' | null>(null);
  const under = useRef(false);
  const note = useId();
  const allowed = includes(role, need);
  const click = async () => {
    if (!allowed || under.current) return;
    under.current = true;
    setAnswer('busy');
    try {
      const run = await start<Run>(ask);
      setAnswer({ run });
      announce(`${children}${spoken ? ` ${spoken}` : ''}: ${run.reused ? t.reused : t.queued}`);
      follow(run);
      onStarted?.(run);
    } catch (error) {
      setAnswer({ error });
      announce(problemText(error).sentence, true);
    } finally {
      under.current = false;
    }
  };
  return (
    <span className={s.answer}>
      <Button
        appearance={primary ? 'primary' : 'secondary'}
        size={size}
        icon={icon}
        disabledFocusable={!allowed}
        aria-describedby={note}
        title={allowed ? undefined : t.needsRole(need)}
        onClick={() => void click()}
      >
        {children}
        {spoken ? <span className="visuallyHidden"> {spoken}</span> : null}
      </Button>
      <span id={note} className={`${s.detail} inText`}>
        {!allowed ? t.needsRole(need) : answer === 'busy' ? t.starting : answer ? <Answer {...answer} /> : null}
      </span>
    </span>
  );
}

/** The answer to a start, which follows the run to its end: "Queued. View run", then "Succeeded View run". */
export function RunAnswer({ run }: { run: Run }) {
  const active = useActivity().find((each) => each.id === run.id);
  const last = useRef(run);
  if (active) last.current = active;
  const now = last.current.id === run.id ? last.current : run;
  return (
    <>
      {isTerminal(now) ? <StatusText status={now.status} /> : run.reused ? t.reused : t.queued} <RunLink run={run} />
    </>
  );
}

function Answer({ run, error }: { run?: Run; error?: unknown }) {
  if (run) return <RunAnswer run={run} />;
  const { sentence, requestId, problem } = problemText(error);
  const other = /^\/v1\/tenants\/([^/]+)\/runs\/([^/]+)$/.exec(problem?.activeRun?.href ?? '');
  return (
    <>
      {sentence}{' '}
      {other ? <RunLink run={{ tenantId: other[1] as string, id: other[2] as string }}>{t.viewIt}</RunLink> : null}
      {requestId ? (
        <>
          {' '}
          {t.requestId} <code>{requestId}</code>
        </>
      ) : null}
    </>
  );
}
