// What a change does, in few words: whom it reaches more or less, how many values
// come and go. The rest is said by its kind.
import type { components } from '../../api/schema';
import { plan as t } from '../../texts';

type Change = components['schemas']['Change'];

export interface Effect {
  words: string;
  /** Read before restoring: it reaches further than now. */
  strong: boolean;
}

const everybody = ['allDevicesAssignmentTarget', 'allLicensedUsersAssignmentTarget'];

function targetKind(json: unknown): string {
  const target = (json as { target?: Record<string, unknown> } | null | undefined)?.target;
  const kind = target?.['@odata.type'];
  return typeof kind === 'string' ? kind.replace(/^#?microsoft\.graph\./, '') : '';
}

const REPORTS = 'enabledForReportingButNotEnforced';

/** What an assignment that comes or goes does; whom: its target in words. */
export function reachOf(kind: string, change: 'added' | 'removed', whom: string): Effect {
  const excluded = kind === 'exclusionGroupAssignmentTarget';
  if (change === 'removed') return excluded ? { words: t.exclusionGone, strong: true } : { words: t.narrower, strong: false };
  if (excluded) return { words: t.excluded, strong: false };
  return { words: everybody.includes(kind) ? t.widerTo(whom.toLocaleLowerCase()) : t.wider, strong: true };
}

const asText = (v: unknown): string => JSON.stringify(v) ?? '';

export function effectOf(change: Change): Effect {
  const words = (text: string, strong = false): Effect => ({ words: text, strong });
  const side = change.after ?? change.before;
  const kind = targetKind(side?.json);
  if (change.section === 'assignments' && kind && (change.kind === 'added' || change.kind === 'removed')) return reachOf(kind, change.kind, side?.name ?? '');
  const before = change.before?.json;
  const after = change.after?.json;
  if (change.section === 'properties' && /(^|[.\]])state$/.test(change.path) && typeof after === 'string') {
    // Conditional Access: a policy that reports enforces nothing.
    if (after === REPORTS) return words(t.reportOnly, true);
    if (before === REPORTS) return after === 'enabled' ? words(t.enforced, true) : words(t.effects.changed ?? '');
  }
  if (change.kind === 'changed' && Array.isArray(before) && Array.isArray(after)) {
    const was = new Set(before.map(asText));
    const is = new Set(after.map(asText));
    const added = [...is].filter((v) => !was.has(v)).length;
    const removed = [...was].filter((v) => !is.has(v)).length;
    const parts = [added && t.valuesAdded(added), removed && t.valuesRemoved(removed)].filter(Boolean);
    if (parts.length > 0) return words(parts.join(', '));
  }
  return words(t.effects[change.kind] ?? change.kind);
}
