// Asks before something that cannot be taken back by a click. The focus begins on
// the way out; Enter alone confirms nothing.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useState, type ReactNode } from 'react';
import { common as t } from '../texts';
import { LiveRegions } from './LiveRegions';
import { ProblemNotice } from './Notice';
import { useReturnFocus } from './useReturnFocus';
import s from './ui.module.css';

export interface ConfirmDialogProps {
  open: boolean;
  title: ReactNode;
  children: ReactNode;
  /** What the button does, with its count: "Remove 3 members". */
  confirm: string;
  /** What is missing yet; the button then focuses it instead. */
  missing?: () => HTMLElement | null;
  cancel?: string;
  /** Ways on from what went wrong, beside its sentence. */
  help?: (error: unknown) => ReactNode;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function ConfirmDialog({ open, title, children, confirm, missing, cancel = t.cancel, help, onConfirm, onClose }: ConfirmDialogProps) {
  useReturnFocus(open);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    setError(null);
    onClose();
  };
  // Not while it is being sent: what was confirmed could not be told apart from what was not.
  const leave = () => !busy && close();
  const act = async () => {
    const lacks = missing?.();
    if (lacks) {
      lacks.focus();
      return;
    }
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      close();
    } catch (err) {
      setError(err);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onOpenChange={(_, d) => !d.open && leave()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent className={s.panel}>
            {children}
            {error ? <ProblemNotice error={error} more={help?.(error)} /> : null}
            <LiveRegions />
          </DialogContent>
          <DialogActions fluid>
            <Button disabledFocusable={busy} onClick={leave}>{cancel}</Button>
            <Button appearance="primary" disabledFocusable={busy} onClick={() => void act()}>
              {confirm}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
