// Sentences of the page "Coverage".
import { count } from '../../format/format';

export const types = {
  title: 'Coverage',
  noun: 'policy types',
  sentence: (total: number, full: number, preview: number, capture: number) =>
    `${count(total, 'type', 'types')}: ${full} full, ${preview} preview only, ${capture} capture only.`,
  used: (n: number) => `This tenant uses ${n}.`,
  search: 'Search types',
  filters: { area: 'Area', restore: 'Can be restored' },
  columns: { title: 'Type', area: 'Area', level: 'Can be restored', policies: 'Policies', never: 'Never captured', note: 'Good to know' },
  details: 'Details',
  hide: 'Hide details',
  collection: 'Microsoft Graph collection',
  read: 'Permission to read',
  readHint: 'Any one is enough.',
  write: 'Permissions to restore',
  depends: 'Refers to',
  secrets: 'Secrets',
  restorable: 'restored',
  notRestorable: 'not given out by Microsoft Graph',
  synced: 'Last listed',
  notSynced: 'Not listed yet',
  secretNote: 'Has secrets that cannot be read',
  onlyUsed: 'Only types of this tenant',
};
