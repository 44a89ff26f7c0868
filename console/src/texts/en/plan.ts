// Sentences of the page "Plan". What an item means, and the warnings, come from the API.
import { count } from '../../format/format';

export const plan = {
  title: 'Plan',
  heading: (tenant: string) => `Preview of the restore into ${tenant}`,
  runs: 'Runs',
  nothingChanged: 'Nothing was changed.',
  counts: (c: { create: number; update: number; delete: number; none: number; blocked: number; failed: number }) => {
    const writes = c.create + c.update + c.delete;
    const total = writes + c.none + c.blocked + c.failed;
    const parts = [c.create ? `${c.create} created` : '', c.update ? `${c.update} updated` : '', c.delete ? `${c.delete} deleted` : ''].filter(Boolean);
    const others = [c.none ? `${c.none} already match` : '', c.blocked ? `${c.blocked} are blocked` : '', c.failed ? `${c.failed} could not be compared` : ''].filter(Boolean);
    const rest = others.length ? ` ${others.join(', ')}.` : '';
    if (total === 0) return 'The plan is empty.';
    return writes === 0 ? `Nothing would be written.${rest}` : `${writes} of ${count(total, 'item', 'items')} would be written: ${parts.join(', ')}.${rest}`;
  },
  waits: 'The plan is not ready yet.',
  read: 'Read from Microsoft Graph',
  restore: (n: number) => `Restore ${count(n, 'item', 'items')}…`,
  nothing: 'Nothing to restore',
  again: 'Preview again',
  view: 'View preview run',
  download: 'Download',
  until: 'This plan can be applied',
  applied: 'This plan was applied already.',
  gone: 'This plan can no longer be applied. Preview again.',
  actions: 'Actions',
  all: 'All',
  action: { create: 'Create', update: 'Update', delete: 'Delete', blocked: 'Blocked', none: 'No change', failed: 'Not compared' } as Record<string, string>,
  search: 'Search by name',
  noun: 'items',
  never: 'This plan is empty.',
  tabs: 'Parts of the plan',
  tab: { changes: 'Changes', steps: 'Steps', raw: 'Raw' } as Record<string, string>,
  include: (name: string) => `Restore ${name}`,
  out: (n: number) => `${count(n, 'item', 'items')} left out`,
  takeBack: 'Include all again',
  changes: (n: number) => count(n, 'setting', 'settings'),
  noChanges: 'No setting differs.',
  isNew: 'It is created as its version stands.',
  openVersion: 'View the version',
  isDeleted: 'This object was created by the restore that is undone.',
  columns: { setting: 'Setting', live: 'Live now', backup: 'Backup', effect: 'Effect' },
  kinds: { added: 'Added', removed: 'Removed', changed: 'Changed', reordered: 'Reordered', unreadable: 'Not readable' } as Record<string, string>,
  secret: 'Secret, not shown',
  truncated: (shown: number, total: number) => `${shown} of ${total} changes are shown.`,
  steps: 'Requests to Microsoft Graph, in this order',
  step: { create: 'Create', update: 'Update', assign: 'Assign', delete: 'Delete', unassign: 'Take back an assignment', priority: 'Set the place among others', release: 'Release' } as Record<string, string>,
  noSteps: 'Nothing is sent.',
  matched: { id: 'Found by its id', restored: 'Found as what an earlier restore made', default: 'It is the default object', name: 'Found by its name' } as Record<string, string>,
  dependency: (names: string) => `It needs ${names}, which is left out.`,
  open: (name: string) => `Show what changes in ${name}`,
  close: (name: string) => `Hide what changes in ${name}`,
  next: 'Next:',
  deletes: (n: number) => `Also delete ${count(n, 'object', 'objects')} that this restore created`,

  confirmTitle: (n: number, tenant: string) => `Restore ${count(n, 'item', 'items')} into ${tenant}`,
  confirmText: (created: number, updated: number, deleted: number, out: number) =>
    `${[
      created ? `${created} ${created === 1 ? 'is' : 'are'} created` : '',
      updated ? `${updated} ${updated === 1 ? 'is' : 'are'} overwritten` : '',
      deleted ? `${deleted} ${deleted === 1 ? 'is' : 'are'} deleted` : '',
      out ? `${out} left out` : '',
    ].filter(Boolean).join(', ')}. The present state is captured first; you can undo.`,
  confirm: (n: number) => `Restore ${count(n, 'item', 'items')}`,
  back: 'Back to the preview',
};
