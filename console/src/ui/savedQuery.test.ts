import { describe, expect, test } from 'vitest';
import { appliedQuery, sameQuery, savedQuery } from './savedQuery';

const fields = ['type', 'q', 'kind'];

describe('saved filters', () => {
  test('hold the filters and neither page nor what is open', () => {
    expect(savedQuery({ q: 'Wi-Fi & VPN', kind: ['new', 'changed'], page: 'abc', item: 'x' }, fields)).toBe('kind=new&kind=changed&q=Wi-Fi+%26+VPN');
    expect(savedQuery({}, fields)).toBe('');
  });
  test('put into the address what they hold, take out the other filters, and go to the first page', () => {
    expect(appliedQuery('kind=new&kind=changed&unknown=1', fields)).toEqual({ kind: ['new', 'changed'], q: undefined, type: undefined, page: undefined });
  });
  test('are the same in any order of their fields', () => {
    expect(sameQuery('q=a&type=b', 'type=b&q=a', fields)).toBe(true);
    expect(sameQuery('q=a', 'q=a&type=b', fields)).toBe(false);
  });
});
