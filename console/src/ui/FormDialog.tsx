// A short form in a dialog. Enter sends it; fields that the API or the page refuse
// are marked, and the first of them gets the focus; a lost or refused answer is
// shown with a way to try again. What is filled in stays until it was taken.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useId, useRef, useState, type FormEvent, type ReactNode } from 'react';
import { ApiProblem } from '../api/problem';
import { common as t } from '../texts';
import { LiveRegions } from './LiveRegions';
import { ProblemNotice } from './Notice';
import { useReturnFocus } from './useReturnFocus';
import s from './ui.module.css';

/** For a Field: <Field {...fault('name')}>. */
export type Fault = (field: string) => { validationState?: 'error'; validationMessage?: string };

/** What is wrong with which field: { name: 'Enter a name.' }. */
export type Faults = Record<string, string>;

/** Reads the marked fields out of a failure: "body.credential.clientSecret" marks "credential.clientSecret". */
export function faultsOf(error: unknown): Faults {
  if (!(error instanceof ApiProblem)) return {};
  return Object.fromEntries(error.errors.map((e) => [e.location.replace(/^(body|path|query)\./, ''), e.detail]));
}

export const faultOf =
  (faults: Faults): Fault =>
  (field) =>
    faults[field] ? { validationState: 'error', validationMessage: faults[field] } : {};

/** Puts the focus on the first field that is marked. */
export function focusFault(form: HTMLElement | null): void {
  requestAnimationFrame(() => form?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus());
}

export interface FormDialogProps {
  open: boolean;
  title: ReactNode;
  /** What the button does: "Add member". */
  submit: string;
  /** Faults that need no question: empty for none. */
  check?: () => Faults;
  onSubmit: () => Promise<unknown>;
  onClose: () => void;
  children: (fault: Fault) => ReactNode;
}

export function FormDialog({ open, title, submit, check, onSubmit, onClose, children }: FormDialogProps) {
  useReturnFocus(open);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [faults, setFaults] = useState<Faults>({});
  const under = useRef(false);
  const form = useRef<HTMLFormElement>(null);
  const id = useId();
  const close = () => {
    setError(null);
    setFaults({});
    onClose();
  };
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (under.current) return;
    const own = check?.() ?? {};
    setFaults(own);
    setError(null);
    if (Object.keys(own).length) {
      focusFault(form.current);
      return;
    }
    under.current = true;
    setBusy(true);
    try {
      await onSubmit();
      close();
    } catch (err) {
      setError(err);
      setFaults(faultsOf(err));
      focusFault(form.current);
    } finally {
      under.current = false;
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onOpenChange={(_, d) => !d.open && !busy && close()}>
      <DialogSurface>
        <form ref={form} id={id} noValidate onSubmit={(e) => void send(e)}>
          <DialogBody>
            <DialogTitle>{title}</DialogTitle>
            <DialogContent className={s.panel}>
              {children(faultOf(faults))}
              {error ? <ProblemNotice error={error} /> : null}
              <LiveRegions />
            </DialogContent>
            <DialogActions fluid>
              <Button onClick={close}>{t.cancel}</Button>
              <Button type="submit" appearance="primary" disabledFocusable={busy}>
                {submit}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
