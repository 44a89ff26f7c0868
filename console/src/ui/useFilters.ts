// Search values of a page as filters: read from the address, written to it.
import { useNavigate } from '@tanstack/react-router';
import { useCallback } from 'react';

type Values = Record<string, unknown>;

/**
 * useFilters(search, ['status', 'op', 'q']) for the page's own search values.
 * set changes filters and goes to the first page; typing replaces the history
 * entry. go changes what is no filter (tab, page, item) and makes a new one.
 */
export function useFilters<S extends object>(search: S, filters: (keyof S & string)[]) {
  const navigate = useNavigate();
  const write = useCallback(
    (change: Values, replace: boolean) => {
      void navigate({ to: '.', search: ((before: Values) => ({ ...before, ...change })) as never, replace });
    },
    [navigate],
  );
  return {
    /** How many filters are set. */
    active: filters.filter((f) => search[f] !== undefined).length,
    set: (change: Partial<S>, typing = false) => write({ ...(change as Values), page: undefined }, typing),
    go: (change: Partial<S>) => write(change as Values, false),
    clear: () => write(Object.fromEntries([...filters, 'page'].map((f) => [f, undefined])), false),
  };
}
