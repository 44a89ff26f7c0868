// The messages at the top end of the page.
import { Button } from '@fluentui/react-components';
import { Dismiss16Regular } from '@fluentui/react-icons';
import { useEffect, useRef, useState } from 'react';
import { common, shell as t } from '../texts';
import { Link, RunLink, Sentence } from '../ui/links';
import { StatusIcon } from '../ui/status';
import { dismiss, useToasts, type Toast } from './toasts';
import s from './shell.module.css';

const SHOWN = 6000;

function Message({ toast }: { toast: Toast }) {
  const [held, setHeld] = useState(false);
  const left = useRef(SHOWN);
  useEffect(() => {
    if (toast.stays || held) return undefined;
    const began = Date.now();
    const timer = setTimeout(dismiss, left.current, toast.id);
    return () => {
      clearTimeout(timer);
      left.current = Math.max(1000, left.current - (Date.now() - began));
    };
  }, [toast, held]);
  const over = () => dismiss(toast.id);
  return (
    // Hover and focus stop the clock; the message itself does nothing.
     
    <li
      className={s.toast}
      data-toast={toast.status}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <StatusIcon status={toast.status} />
      <p>
        <Sentence text={toast.text} names={toast.names} />{' '}
        {toast.run ? <RunLink run={toast.run} onClick={over} /> : null}
        {toast.view ? (
          <Link to={toast.view} onClick={over}>
            {t.view}
          </Link>
        ) : null}
        {toast.action ? (
          <Button
            size="small"
            onClick={() => {
              over();
              toast.action?.act();
            }}
          >
            {toast.action.label}
          </Button>
        ) : null}
      </p>
      <Button size="small" appearance="subtle" icon={<Dismiss16Regular />} aria-label={common.dismiss} onClick={over} />
    </li>
  );
}

// While a dialog is open its page lies behind, and so would these.
function useDialogOpen(): boolean {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const look = () => setOpen(document.querySelector('[role=dialog][aria-modal=true], [role=alertdialog][aria-modal=true]') !== null);
    const observer = new MutationObserver(look);
    observer.observe(document.body, { childList: true });
    return () => observer.disconnect();
  }, []);
  return open;
}

export function Toasts() {
  const toasts = useToasts();
  const waits = useDialogOpen();
  if (toasts.length === 0 || waits) return null;
  return (
    <section className={s.toasts} aria-label={t.toasts}>
      <ul>
        {toasts.map((toast) => (
          <Message key={toast.id} toast={toast} />
        ))}
      </ul>
    </section>
  );
}
