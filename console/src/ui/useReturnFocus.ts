// A dialog that code opened gives the focus back to where it was, unless something
// else took it meanwhile.
import { useEffect, useRef } from 'react';

export function useReturnFocus(open: boolean): void {
  const before = useRef<Element | null>(null);
  const was = useRef(false);
  // Read while rendering: after it the dialog has the focus.
  if (open && !was.current) before.current = document.activeElement;
  was.current = open;
  useEffect(() => {
    if (!open) return undefined;
    return () => {
      const to = before.current;
      setTimeout(() => {
        if (to instanceof HTMLElement && to.isConnected && (!document.activeElement || document.activeElement === document.body)) to.focus();
      }, 50);
    };
  }, [open]);
}
