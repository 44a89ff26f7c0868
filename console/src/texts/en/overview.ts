// Sentences of the page "Overview".
import { count, formatNumber } from '../../format/format';

export const overview = {
  title: 'Overview',
  backUp: 'Back up now',
  backUpName: (tenant: string, day: string) => `${tenant} ${day}`,
  restore: 'Restore…',
  syncInventory: 'Sync inventory',
  notSynced: 'Not synced yet. A sync lists what the tenant has; nothing in it is changed.',
  syncing: 'The tenant is being listed for the first time.',
  neverBackedUp: (policies: number | undefined) => (policies === undefined ? 'Nothing was backed up yet.' : `Nothing was backed up yet. The tenant has ${count(policies, 'policy', 'policies')}.`),
  backedUp: 'Backed up',
  backedUpPart: 'The newest backup holds a part of the tenant, from',
  disabled: 'This tenant is disabled: nothing can be started. A platform administrator can enable it.',

  graphDown: 'Runs wait and continue by themselves. This page shows stored data.',
  graphRun: 'View the run that found it',

  figures: 'Figures',
  policies: 'Policies',
  policiesNote: (covered: number) => `${formatNumber(covered)} captured in 24 h`,
  coverage: 'Coverage',
  coverageNever: (n: number) => `${formatNumber(n)} never captured`,
  coverageWhole: 'Every policy was captured',
  oldest: 'Oldest backup',
  oldestNone: 'None yet',
  drift: 'Drift',
  driftNote: 'Review drift',
  driftNone: 'Nothing is open',
  driftUncounted: 'Needs a schedule',
  next: 'Next schedule',
  nextNone: 'Nothing runs by itself',
  nextPaused: (n: number) => `${count(n, 'schedule', 'schedules')} paused`,
  more: (n: number) => `${formatNumber(n)} or more`,

  needs: (n: number) => `Needs you (${formatNumber(n)})`,
  noNeeds: 'Nothing needs you.',
  needLinks: { connection: 'Open connection', run: 'View run', backup: 'View backup set', schedules: 'Open schedules', drift: 'Review drift' },
  active: (n: number) => `Active now (${formatNumber(n)})`,
  allActive: 'View all active runs',
  last: 'Last result of each operation',
  columns: { operation: 'Operation', status: 'Status', result: 'Result', at: 'Ended', duration: 'Duration', ok: 'Last success' },
};
