// What a row of a plan says of a setting must be known, and nothing that is left alone
// may look as if it were written.
import { expect, test } from 'vitest';
import type { PlanDetail, PlanItem } from '../../api/types';
import { changedRows, otherRows } from './rows';

const content = {
  object: { displayName: 'Wi-Fi', passwordRequired: true, state: 'enabled' },
  assignments: [{ target: { '@odata.type': '#microsoft.graph.allDevicesAssignmentTarget' } }],
};
const change = { path: 'passwordRequired', label: 'Password required', section: 'properties', kind: 'changed', before: { json: false }, after: { json: true } };
const item = (action: string, rest: object = {}) => ({ action, key: 'k', name: 'Wi-Fi', type: 't', graphId: 'g', ...rest }) as unknown as PlanItem;
const detail = (rest: object = {}) => ({ changed: { changes: [change] }, ...rest }) as unknown as PlanDetail;
const of = (action: string, d: PlanDetail, rest: object = {}) => {
  const i = item(action, rest);
  const changed = changedRows(i, d);
  return { changed, other: otherRows(i, d, content, changed) };
};
const effects = (rows: { label: string; effect: string }[]) => Object.fromEntries(rows.map((r) => [r.label, r.effect]));

test('a setting that the comparison did not find changed is the same, and shown with its value', () => {
  const { changed, other } = of('update', detail());
  expect(effects(changed)).toEqual({ 'Password required': 'Changed' });
  expect(other.every((r) => r.same && r.effect === 'No change' && r.before?.text === r.after?.text)).toBe(true);
  expect(other.map((r) => r.label)).not.toContain('Password required');
});

test('where the comparison was not whole, nothing is said to be the same', () => {
  for (const part of [{ truncated: true }, { unreadBefore: ['assignments'] }, { unreadAfter: ['assignments'] }]) {
    const { other } = of('update', detail({ changed: { changes: [change], ...part } }));
    expect(other.length).toBeGreaterThan(0);
    for (const row of other) expect([row.effect, row.same, row.unread, row.before]).toEqual(['Not known', false, true, null]);
  }
  expect(of('update', detail({ changed: undefined })).other.some((r) => r.same)).toBe(false);
});

test('what is blocked is not written', () => {
  expect(effects(of('blocked', detail()).changed)).toEqual({ 'Password required': 'Not written' });
  const gone = of('blocked', detail({ changed: undefined }), { graphId: undefined });
  expect(gone.other.every((r) => r.effect === 'Not written')).toBe(true);
});

test('a new object shows all of its version, and says whom it reaches', () => {
  const { other } = of('create', detail({ changed: undefined }));
  expect(other[0]).toMatchObject({ effect: 'Wider: all devices', strong: true });
  expect(effects(other)['Password required']).toBe('New');
  const kept = of('create', detail({ changed: undefined, code: 'unresolved_group' })).other[0];
  expect([kept?.effect, kept?.strong]).toEqual(['Not written', false]);
});

test('Conditional Access that comes back as report-only does not read as enforced', () => {
  const { other } = of('create', detail({ changed: undefined, warnings: [{ code: 'ca_report_only' }] }));
  expect(other.find((r) => r.label === 'State')).toMatchObject({ effect: 'Not enforced after restore', strong: true });
});
