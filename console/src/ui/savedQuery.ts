// The text under which the filters of a list are saved: the part of the address that
// they make up, in one order, so that the same filters are the same text.
import { parseSearch, stringifySearch } from '../search';

type Values = Record<string, unknown>;

/** savedQuery({ q: 'wifi', page: 'x' }, ['q', 'type']) → "q=wifi". */
export function savedQuery(search: object, fields: string[]): string {
  const values = search as Values;
  return stringifySearch(Object.fromEntries([...fields].sort().map((f) => [f, values[f]]))).slice(1);
}

/** The values to put into the address: fields that the text does not name are taken out. */
export function appliedQuery(query: string, fields: string[]): Values {
  const saved = parseSearch(query);
  return { page: undefined, ...Object.fromEntries(fields.map((f) => [f, saved[f]])) };
}

/** Filters of saved texts may be written in another order, by another client. */
export const sameQuery = (a: string, b: string, fields: string[]): boolean => savedQuery(parseSearch(a), fields) === savedQuery(parseSearch(b), fields);
