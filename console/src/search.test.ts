// An address holds the state of a page, whatever somebody wrote into it.
import { expect, test } from 'vitest';
import { flag, many, one, oneOf, parseSearch, search, someOf, stringifySearch, whole } from './search';

const read = search({ q: one(), op: many(), status: someOf('failed', 'partial'), tab: oneOf('all', 'raw'), v: whole(), full: flag() });
const from = (text: string) => read(parseSearch(text));

test('repeated keys are a list, and what is unknown is left aside', () => {
  expect(from('?op=a&op=b&status=partial&status=nonsense&evil=1')).toEqual({ op: ['a', 'b'], status: ['partial'] });
  expect(from('?op=a')).toEqual({ op: ['a'] });
  expect(from('?q=x&q=y&tab=other&v=0&full=yes')).toEqual({ q: 'x' });
  expect(from('?tab=raw&v=7&full=1')).toEqual({ tab: 'raw', v: 7, full: 1 });
  expect(from('')).toEqual({});
});

test('what is written is read again', () => {
  const values = { q: 'a&b=c d', op: ['x', 'y'], v: 3 };
  expect(from(stringifySearch(values))).toEqual(values);
  expect(stringifySearch({ q: '', op: undefined, status: [] })).toBe('');
});
