// A form that is not saved: leaving the page asks first.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useBlocker } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { common as t } from '../texts';

interface Move {
  pathname: string;
}

// Another tab or filter of the same page loses nothing.
const otherPage = (from: Move, to: Move): boolean => from.pathname !== to.pathname;

/** Returns the question, to be rendered by the page. dirty: something would be lost. lost says whether a move loses it. */
export function useUnsaved(dirty: boolean, lost: (from: Move, to: Move) => boolean = otherPage): ReactNode {
  const blocker = useBlocker({
    shouldBlockFn: ({ current, next }) => dirty && lost(current, next),
    enableBeforeUnload: dirty,
    withResolver: true,
  });
  if (blocker.status !== 'blocked') return null;
  return (
    <Dialog open modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t.unsavedTitle}</DialogTitle>
          <DialogContent>{t.unsaved}</DialogContent>
          <DialogActions>
            <Button onClick={blocker.proceed}>{t.discard}</Button>
            <Button appearance="primary" onClick={blocker.reset}>
              {t.stay}
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
