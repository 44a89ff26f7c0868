import { expect, test } from 'vitest';
import type { TypeOfTenant } from '../../api/policyTypes';
import type { Outcome } from '../../api/types';
import { permissionsOf } from './permissions';

const type = (id: string, collection: string, ...readPermissions: string[]) => ({ id, title: id, collection, readPermissions }) as unknown as TypeOfTenant;
const item = (id: string, status: string, code?: string) => ({ key: id, type: id, status, code }) as unknown as Outcome;

test('a permission counts as missing when any place that needs it was refused, and stands first', () => {
  const rows = permissionsOf(
    [type('a', 'x', 'Config.Read'), type('b', 'x', 'Config.Read'), type('c', 'y', 'Config.Read'), type('d', 'z', 'Apps.Read', 'Apps.Write'), type('e', 'w', 'Rbac.Read')],
    [item('a', 'succeeded'), item('c', 'succeeded'), item('d', 'failed', 'consent_missing'), { ...item('x', 'succeeded'), type: undefined }],
  );
  expect(rows.map((r) => [r.names.join('|'), r.state, r.types.join()])).toEqual([
    ['Apps.Read|Apps.Write', 'missing', 'd'],
    ['Rbac.Read', 'untested', 'e'],
    ['Config.Read', 'granted', 'a,b,c'],
  ]);
});
