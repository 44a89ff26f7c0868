// Sentences of the pages "Runs" and "My runs".
import { count } from '../../format/format';

export const runs = {
  title: 'Runs',
  mine: 'My runs',
  noun: 'runs',
  columns: { run: 'Run', status: 'Status', result: 'Result', by: 'Started by', tenant: 'Tenant', started: 'Started', duration: 'Duration' },
  sentence: (active: number, failed: number, ended: number) =>
    `${active === 0 ? 'Nothing is active.' : `${active} active.`} ${
      ended === 0 ? '' : failed === 0 ? `None of the last ${ended} failed.` : `${failed} of the last ${ended} failed.`
    }`.trim(),
  newRuns: (n: number) => count(n, 'new run', 'new runs'),
  never: 'No run yet.',
  neverMine: 'None of your runs is active.',
  syncInventory: 'Sync inventory',
  filters: { status: 'Status', op: 'Operation', by: 'Started by', time: 'Time' },
  schedule: 'Schedule',
};
