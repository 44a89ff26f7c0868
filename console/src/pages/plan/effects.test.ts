// Who is reached must never be said the wrong way round.
import { expect, test } from 'vitest';
import { effectOf } from './effects';

const target = (kind: string) => ({ json: { target: { '@odata.type': `#microsoft.graph.${kind}` } }, name: 'All devices' });
const change = (kind: string, rest: object) => effectOf({ path: '', label: '', section: 'assignments', kind, ...rest });

test('an assignment that comes widens, an exclusion that comes narrows', () => {
  expect(change('added', { after: target('allDevicesAssignmentTarget') })).toEqual({ words: 'Wider: all devices', strong: true });
  expect(change('added', { after: target('groupAssignmentTarget') })).toEqual({ words: 'Wider', strong: true });
  expect(change('added', { after: target('exclusionGroupAssignmentTarget') }).words).toBe('Narrower: excluded');
  expect(change('removed', { before: target('allDevicesAssignmentTarget') })).toEqual({ words: 'Narrower', strong: false });
  expect(change('removed', { before: target('exclusionGroupAssignmentTarget') })).toEqual({ words: 'Wider: no longer excluded', strong: true });
});

test('values of lists are counted', () => {
  expect(effectOf({ path: '', label: '', section: 'properties', kind: 'changed', before: { json: ['a', 'b'] }, after: { json: ['b', 'c', 'd'] } }).words).toBe('2 values added, 1 value removed');
  expect(effectOf({ path: '', label: '', section: 'properties', kind: 'changed', before: { json: 1 }, after: { json: 2 } }).words).toBe('Changed');
});
