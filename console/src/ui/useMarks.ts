// Check marks live in memory: they survive paging, filtering and a look at another
// page of the tenant, and never enter the address.
import { useCallback, useMemo, useSyncExternalStore } from 'react';

const kept = new Map<string, Map<string, unknown>>();
const listeners = new Set<() => void>();
const none: Map<string, unknown> = new Map();

function put(key: string, marks: Map<string, unknown>): void {
  kept.set(key, marks);
  for (const tell of listeners) tell();
}

const subscribe = (tell: () => void) => {
  listeners.add(tell);
  return () => listeners.delete(tell);
};

/** Marks things from elsewhere, for example before going to the page that shows them. */
export function mark<R>(key: string, rows: Iterable<[string, R]>): void {
  put(key, new Map(rows));
}

/** Forgets all marks; for another person at the same page. */
export function forgetMarks(): void {
  kept.clear();
  for (const tell of listeners) tell();
}

/**
 * useMarks('policies ' + tenant): the marked rows by id. select is for DataTable's
 * onSelect, with the rows that are on the page.
 */
export function useMarks<R>(key: string) {
  const marks = useSyncExternalStore(subscribe, () => (kept.get(key) ?? none) as Map<string, R>);
  const select = useCallback(
    (next: Set<string>, rows: R[], id: (row: R) => string) => {
      const before = (kept.get(key) ?? none) as Map<string, R>;
      const here = new Map(rows.map((row) => [id(row), row]));
      const after = new Map<string, R>();
      for (const each of next) {
        const row = here.get(each) ?? before.get(each);
        if (row !== undefined) after.set(each, row);
      }
      put(key, after);
    },
    [key],
  );
  const ids = useMemo(() => new Set(marks.keys()), [marks]);
  return {
    marks,
    ids,
    select,
    remove: (id: string) => put(key, new Map([...marks].filter(([each]) => each !== id))),
    clear: () => put(key, new Map()),
  };
}
