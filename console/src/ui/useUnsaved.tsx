// A form that is not saved: leaving the page asks first.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { useBlocker } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { common as t } from '../texts';

/** Returns the question, to be rendered by the page. dirty: something would be lost. */
export function useUnsaved(dirty: boolean): ReactNode {
  const blocker = useBlocker({
    // Another tab or filter of the same page loses nothing.
    shouldBlockFn: ({ current, next }) => dirty && current.pathname !== next.pathname,
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
