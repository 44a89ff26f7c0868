// The session is over. The page behind stays as it is, with what is filled in;
// signing in happens in a second window. Another person begins anew.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useEffect, useRef, useState } from 'react';
import { signInBeside } from '../auth/auth';
import { shell as t } from '../texts';
import { LiveRegions } from '../ui/LiveRegions';
import { signInWords } from '../ui/signInWords';

export function SessionDialog() {
  const [note, setNote] = useState('');
  const open = useRef<AbortController | null>(null);
  useEffect(() => () => open.current?.abort(), []);
  const begin = () => {
    open.current?.abort();
    open.current = new AbortController();
    signInBeside(open.current.signal).then(
      () => setNote(t.sessionOpened),
      (err: unknown) => setNote(signInWords(err)),
    );
  };
  return (
    <Dialog open modalType="alert">
      <DialogSurface data-session-ended>
        <DialogBody>
          <DialogTitle>{t.sessionTitle}</DialogTitle>
          <DialogContent>
            <p>{t.sessionText}</p>
            <p role="status">{note}</p>
            <LiveRegions />
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={begin}>
              {t.signInAgain}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
