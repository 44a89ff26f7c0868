// Sentences of the page "Backup sets".
import { count } from '../../format/format';

export const sets = {
  title: 'Backup sets',
  deletedTitle: 'Deleted backup sets',
  noun: 'backup sets',
  sentence: (n: number, more: boolean, incomplete: number, filling: number) =>
    [
      `${more ? `More than ${count(n, 'set', 'sets')}` : count(n, 'set', 'sets')}${incomplete === 0 ? (n > 0 && filling === 0 ? ', all complete' : '') : `, ${incomplete} incomplete`}${filling === 0 ? '' : `, ${filling} being captured`}.`,
    ].join(' '),
  never: 'No backup yet.',
  neverDeleted: 'No backup set was deleted in the last 30 days.',
  create: 'New backup set',
  search: 'Search by name',
  show: 'Show',
  deleted: 'Deleted',
  showDeleted: 'Show deleted',
  showPresent: 'Show all others',
  columns: { name: 'Name', policies: 'Policies', result: 'What can be restored', state: 'State', created: 'Created', by: 'By', until: 'Can be recovered' },
  states: { filling: 'Capturing', complete: 'Complete', incomplete: 'Incomplete', empty: 'Empty' } as Record<string, string>,
  schedule: 'Schedule',
};
