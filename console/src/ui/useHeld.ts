// Nothing moves under the pointer: rows that are new wait until somebody asks for
// them; rows that are shown are updated in their place.
import { useRef, useState } from 'react';

/**
 * useHeld(key, items, id): items that may be shown, how many wait, and release.
 * Another key (other filters, another page) shows everything at once.
 */
export function useHeld<R>(key: string, items: R[], id: (item: R) => string): { shown: R[]; waiting: number; release: () => void } {
  const [, again] = useState(0);
  const held = useRef<{ key: string; order: string[] }>({ key: '', order: [] });
  if (held.current.key !== key || held.current.order.length === 0) held.current = { key, order: items.map(id) };
  const byId = new Map(items.map((item) => [id(item), item]));
  const shown = held.current.order.flatMap((each) => byId.get(each) ?? []);
  const waiting = items.length - shown.length;
  return {
    shown,
    waiting,
    release: () => {
      held.current = { key, order: items.map(id) };
      again((n) => n + 1);
    },
  };
}
