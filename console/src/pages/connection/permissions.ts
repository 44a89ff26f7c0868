// What a connection test says of the permissions: policy types that need the same
// permission stand together.
import type { TypeOfTenant } from '../../api/policyTypes';
import type { Outcome } from '../../api/types';

export type PermissionState = 'granted' | 'missing' | 'failed' | 'untested';

export interface Permission {
  /** Any one of them is enough. */
  names: string[];
  state: PermissionState;
  types: string[];
}

const WORST: PermissionState[] = ['missing', 'failed', 'untested', 'granted'];

/**
 * permissionsOf(types, items of the test): one row for each set of permissions, what
 * is missing first. A test reads each place of Microsoft Graph once, for all types
 * that are kept there.
 */
export function permissionsOf(types: TypeOfTenant[], items: Outcome[]): Permission[] {
  const placeOf = new Map(types.map((x) => [x.id, x.collection]));
  const states = new Map<string, PermissionState>();
  for (const item of items) {
    const place = item.type === undefined ? undefined : placeOf.get(item.type);
    if (place === undefined) continue;
    states.set(place, item.status === 'succeeded' ? 'granted' : item.code === 'consent_missing' ? 'missing' : 'failed');
  }
  const rows = new Map<string, Permission>();
  for (const type of types) {
    const key = type.readPermissions.join(' ');
    const row = rows.get(key) ?? { names: type.readPermissions, state: 'granted' as PermissionState, types: [] };
    const state = states.get(type.collection) ?? 'untested';
    if (WORST.indexOf(state) < WORST.indexOf(row.state)) row.state = state;
    row.types.push(type.title);
    rows.set(key, row);
  }
  return [...rows.values()].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state) || (a.names[0] ?? '').localeCompare(b.names[0] ?? ''));
}
