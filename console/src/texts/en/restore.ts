// Sentences of the page "Restore", on which one picks what to preview.
import { count } from '../../format/format';

export const restore = {
  title: 'Restore',
  sets: 'Backup sets',
  sentence: 'Pick a backup. The preview changes nothing.',
  pick: (n: number, of: number) => `${n} of ${count(of, 'policy', 'policies')} picked. The preview changes nothing.`,
  pickAll: 'Everything that was captured is picked. The preview changes nothing.',
  never: 'No backup yet.',
  newSet: 'New backup set',
  preview: 'Preview all items',
  previewSome: (n: number) => `Preview ${count(n, 'item', 'items')}`,
  previewOne: (v: number) => `Preview version ${v}`,
  version: (v: number) => `Version ${v} of`,
  choose: 'Choose this set',
  search: 'Search by name',
  noun: 'policies',
  setNoun: 'sets',
  columns: { name: 'Name', type: 'Type', version: 'Version', state: 'State', captured: 'Captured', policies: 'Policies', made: 'Made' },
  states: { pending: 'Pending', captured: 'Captured', incomplete: 'Incomplete', missing: 'Missing' } as Record<string, string>,
  leftOut: (n: number) => `${n} left out`,
  includeAll: 'Pick all again',
  label: 'Policies of the backup',
  setsLabel: 'Backup sets',
};
