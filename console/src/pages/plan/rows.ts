// The rows of an object in a plan: setting, live now, backup, effect. A row says
// "No change" only where live and backup were compared as a whole; what was not
// compared is not known, and what is blocked is not written.
import type { PlanDetail, PlanItem } from '../../api/types';
import { plan as t, policy as pt } from '../../texts';
import { assignmentsOf, humanise, settingsOf, type Assignment } from '../policy/settings';
import { changeRows, type Shown } from '../policy-diff/rows';
import { effectOf, reachOf, type Effect } from './effects';

export interface Row {
  id: string;
  label: string;
  before: Shown | null;
  after: Shown | null;
  effect: string;
  /** Read before restoring: it reaches further than now, or enforces less. */
  strong: boolean;
  secret: boolean;
  /** The live value, or the backup's, could not be read. */
  unread: boolean;
  same: boolean;
}

const row = (id: string, label: string, before: Shown | null, after: Shown | null, effect: Effect, more: Partial<Row> = {}): Row => ({
  id, label, before, after, effect: effect.words, strong: effect.strong, secret: false, unread: false, same: false, ...more,
});
const quiet = (words: string | undefined): Effect => ({ words: words ?? '', strong: false });

/** What the comparison found. */
export function changedRows(item: PlanItem, detail: PlanDetail): Row[] {
  const changes = detail.changed?.changes ?? [];
  return changeRows(changes).map((r, i) =>
    row(r.id, r.label, r.before, r.after, item.action === 'blocked' ? quiet(t.notWritten) : effectOf(changes[i] as (typeof changes)[number]), {
      secret: r.secret, unread: r.kind === 'unreadable',
    }),
  );
}

/** Whether a setting that is not among the changes is known to be the same. */
function comparedWhole(item: PlanItem, detail: PlanDetail): boolean {
  if (item.action === 'none') return true;
  const found = detail.changed;
  return Boolean(found && !found.truncated && !found.unreadBefore?.length && !found.unreadAfter?.length);
}

/** The other settings of the version: of a new object all of them, of others those that were not found to change. */
export function otherRows(item: PlanItem, detail: PlanDetail, content: unknown, changed: Row[]): Row[] {
  const created = item.action === 'create';
  const known = new Set(changed.map((r) => r.label));
  const reportOnly = created && (detail.warnings ?? []).some((w) => w.code === 'ca_report_only');
  const settings = settingsOf(content).flatMap((setting, i) => {
    if (known.has(setting.label)) return [];
    const after = { text: setting.value, title: setting.title };
    const of = (before: Shown | null, effect: Effect, more?: Partial<Row>) => [row(`v${i}`, setting.label, before, after, effect, more)];
    if (created) return of(null, reportOnly && setting.label === humanise('state') ? { words: t.reportOnly, strong: true } : quiet(t.effects.create));
    if (item.action === 'blocked' && !item.graphId) return of(null, quiet(t.notWritten));
    if (!comparedWhole(item, detail)) return of(null, quiet(t.effects.unreadable), { unread: true });
    return of({ text: setting.value }, quiet(t.effects.same), { same: true });
  });
  return created ? [...assignmentRows(detail, assignmentsOf(content)), ...settings] : settings;
}

// A new object reaches whom its version was assigned to; nobody, where a target is missing.
function assignmentRows(detail: PlanDetail, all: Assignment[]): Row[] {
  const kept = detail.code === 'unresolved_group' || detail.code === 'unresolved_filter';
  return all.map((a, i) => {
    const kind = pt.targets[a.kind] ?? humanise(a.kind);
    const filter = a.filter ? `${pt.filterModes[a.filterMode] ?? a.filterMode}: ${a.filter}` : '';
    const text = [[kind, a.target].filter(Boolean).join(' '), filter, a.intent && (pt.intents[a.intent] ?? humanise(a.intent))].filter(Boolean).join(', ');
    return row(`a${i}`, pt.sections.assignments ?? '', null, { text, title: a.id || undefined }, kept ? quiet(t.notWritten) : reachOf(`${a.kind}AssignmentTarget`, 'added', kind));
  });
}
