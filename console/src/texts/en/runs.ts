// Sentences of the pages "Runs" and "My runs".
import { count, formatNumber } from '../../format/format';

export const runs = {
  title: 'Runs',
  mine: 'My runs',
  noun: 'runs',
  columns: { run: 'Run', status: 'Status', result: 'Result', by: 'Started by', tenant: 'Tenant', started: 'Started', duration: 'Duration' },
  sentence: (active: number, failed: number, partial: number, newest: number) =>
    [
      active === 0 ? 'Nothing is active.' : `${formatNumber(active)} active.`,
      newest === 0 ? '' : failed === 0 ? `None of the last ${formatNumber(newest)} failed.` : `${formatNumber(failed)} of the last ${formatNumber(newest)} failed.`,
      partial === 0 ? '' : `${formatNumber(partial)} ended in part.`,
    ]
      .filter(Boolean)
      .join(' '),
  mineSentence: (active: number) => (active === 0 ? 'None of your runs is active.' : `${count(active, 'of your runs is', 'of your runs are')} active.`),
  newRuns: (n: number) => count(n, 'new run', 'new runs'),
  never: 'No run yet.',
  neverMine: 'You have not started a run yet.',
  syncInventory: 'Sync inventory',
  filters: { status: 'Status', op: 'Operation', by: 'Started by', target: 'Target', time: 'Time', tenant: 'Tenant', sort: 'Order' },
  anybody: 'Anybody',
  times: { today: 'Last 24 hours', week: 'Last 7 days', month: 'Last 30 days', range: 'From … to …' },
  range: (from: string, to: string) => `${from || '…'} – ${to || '…'}`,
  from: 'From',
  to: 'Until and including',
  apply: 'Apply',
  sorts: { newest: 'Newest first', oldest: 'Oldest first' },
  targetChip: (name: string) => `Target: ${name}`,
  removeTarget: 'Show all targets',
  superseded: 'superseded',
  hidden: (n: number) => `${count(n, 'failed run', 'failed runs')} hidden, since a later one did the same with success.`,
  showHidden: 'Show them',
  hideSuperseded: 'Hide superseded',
  schedule: 'Schedule',
  saved: 'Saved filters',
  save: 'Save these filters…',
  saveTitle: 'Save these filters',
  saveName: 'Name',
  saveDo: 'Save',
  savedAs: (name: string) => `Saved as ${name}`,
  remove: (name: string) => `Remove ${name}`,
  removed: (name: string) => `${name} was removed`,
  noSaved: 'None saved yet.',
  pageOnly: 'on this page',
};
