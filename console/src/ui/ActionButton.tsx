// A button that changes something at once and is no run: pause, mark, remove. It
// answers beside itself, a double click acts once, and above the role it says what
// it needs.
import { Button } from '@fluentui/react-components';
import { useId, useRef, useState, type ReactElement } from 'react';
import type { Role } from '../api/types';
import { announce } from '../shell/announce';
import { common as t } from '../texts';
import { problemText } from './problems';
import { includes } from './RunStartButton';
import s from './ui.module.css';

export interface ActionButtonProps {
  children: string;
  /** Said beside the label to those who listen, such as the row's name. */
  spoken?: string;
  role?: Role;
  need?: Role;
  /** Why it cannot be done now, whatever the role. */
  blocked?: string;
  /** Leaves out the visible reason, where many rows would repeat it; the title and those who listen have it. */
  quiet?: boolean;
  act: () => unknown;
  /** Announced when it is done. */
  said?: string;
  primary?: boolean;
  subtle?: boolean;
  size?: 'small' | 'medium';
  icon?: ReactElement;
}

export function ActionButton({ children, spoken, role, need, blocked, quiet = false, act, said, primary, subtle, size = 'medium', icon }: ActionButtonProps) {
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const under = useRef(false);
  const note = useId();
  const reason = need && !includes(role, need) ? t.needsRole(need) : blocked;
  const click = async () => {
    if (reason || under.current) return;
    under.current = true;
    setBusy(true);
    setError(null);
    try {
      await act();
      if (said) announce(said);
    } catch (err) {
      setError(err);
      announce(problemText(err).sentence, true);
    } finally {
      under.current = false;
      setBusy(false);
    }
  };
  return (
    <span className={s.answer}>
      <Button
        appearance={primary ? 'primary' : subtle ? 'subtle' : 'secondary'}
        size={size}
        icon={icon}
        disabledFocusable={Boolean(reason)}
        aria-busy={busy || undefined}
        aria-describedby={reason || error ? note : undefined}
        title={reason}
        onClick={() => void click()}
      >
        {children}
        {spoken ? <span className="visuallyHidden"> {spoken}</span> : null}
      </Button>
      {reason || error ? (
        <span id={note} className={reason && quiet ? 'visuallyHidden' : s.detail}>
          {reason ?? problemText(error).sentence}
        </span>
      ) : null}
    </span>
  );
}
