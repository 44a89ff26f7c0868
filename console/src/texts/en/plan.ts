// Sentences of the page "Preview": the plan of a restore, and its confirmation.
import { count, formatList, formatNumber } from '../../format/format';

const items = (n: number) => count(n, 'item', 'items');
const objects = (n: number) => count(n, 'object', 'objects');
const are = (n: number) => (n === 1 ? 'is' : 'are');

export interface PlanFigures {
  create: number;
  update: number;
  delete: number;
  none: number;
  blocked: number;
  failed: number;
}

export const plan = {
  title: (tenant: string) => `Preview of the restore into ${tenant}`,
  undoTitle: (tenant: string) => `Preview of the undo in ${tenant}`,
  plain: 'Preview',
  crumbSets: 'Backup sets',
  crumbPolicies: 'Policies',
  crumbRuns: 'Runs',
  crumbUndone: 'Live restore',
  sentence: (c: PlanFigures) => {
    const total = c.create + c.update + c.delete + c.none + c.blocked + c.failed;
    const written = c.create + c.update + c.delete;
    const kinds = [c.create && `${formatNumber(c.create)} created`, c.update && `${formatNumber(c.update)} updated`, c.delete && `${formatNumber(c.delete)} deleted`].filter(Boolean) as string[];
    const rest = [
      c.none && `${formatNumber(c.none)} already ${c.none === 1 ? 'matches' : 'match'}`, c.blocked && `${formatNumber(c.blocked)} ${are(c.blocked)} blocked`,
      c.failed && `${formatNumber(c.failed)} could not be compared`,
    ].filter(Boolean) as string[];
    if (written === 0) return `Nothing was changed, and nothing would be written. ${rest.length ? `${formatList(rest)}.` : ''}`.trim();
    return `Nothing was changed. ${formatNumber(written)} of ${items(total)} would be written: ${formatList(kinds)}.${rest.length ? ` ${formatList(rest)}.` : ''}`;
  },
  comparing: 'The plan is shown here when the comparison has ended. Nothing is written.',
  noPlan: 'This preview ended without a plan.',

  restore: (n: number) => `Restore ${items(n)}…`,
  undo: (n: number) => `Undo ${items(n)}…`,
  nothingChosen: 'Nothing is selected.',
  tooMany: (most: number) => `At most ${formatNumber(most)} items can be selected, or left out. Select all, or fewer.`,
  previewAgain: 'Preview again',
  download: 'Download',
  downloading: (done: number, total: number) => `Reading ${formatNumber(done)} of ${formatNumber(total)}…`,
  downloaded: 'Plan downloaded',
  viewRun: 'Preview run',

  readAt: 'Read from Microsoft Graph',
  skipsChanged: 'Items that change after that are skipped, not overwritten.',
  until: 'It can be applied until',
  tooOld: 'This plan is too old to be applied.',
  tooOldNext: 'Preview again to see what would be written now.',
  applied: 'This plan was applied. It cannot be applied a second time.',
  viewApplied: 'View the live restore',

  warnings: (n: number, undo: boolean) => `${count(n, 'warning', 'warnings')} to read before you ${undo ? 'undo' : 'restore'}`,
  showItems: (n: number) => (n === 1 ? 'Show the item' : `Show the ${items(n)}`),
  showAll: 'Show all items',
  warning: {
    assign_all: (n: number) => `${items(n)} will be assigned to all devices or all users`,
    assign_wider: (n: number) => `${items(n)} will reach more people or devices than now`,
    exclusion_removed: (n: number) => `${items(n)} will no longer exclude somebody who is excluded now`,
    assign_unresolved: (n: number) => `${items(n)} will be restored without assignments, since a target is missing`,
    ca_report_only: (n: number) => `${count(n, 'Conditional Access policy', 'Conditional Access policies')} will be set to report-only`,
    ca_enabled: (n: number) => `${count(n, 'Conditional Access policy', 'Conditional Access policies')} will be switched on; check that an emergency account is excluded`,
    new_id: (n: number) => `${items(n)} will be created and get new ids; what referred to the old id must be linked again`,
    secret_absent: (n: number) => `${items(n)} ${n === 1 ? 'has' : 'have'} secret values that must be entered by hand`,
    default_object: (n: number) => `${items(n)} ${n === 1 ? 'changes' : 'change'} a default that applies to everyone`,
    dependency_unselected: (n: number) => `${items(n)} ${n === 1 ? 'needs' : 'need'} others that are not part of this`,
    approval_likely: (n: number) => `Intune may hold ${items(n)} for a second administrator`,
    version_old: (n: number) => `${count(n, 'version is', 'versions are')} older than 90 days`,
    delete_created: (n: number) => `${objects(n)} that the restore created would be deleted`,
    app_uninstall: (n: number) => `${items(n)} will uninstall an app from devices`,
    device_action: (n: number) => `${items(n)} may wipe, retire or lock devices that do not comply`,
    shared_object: (n: number) => `${items(n)} ${n === 1 ? 'is' : 'are'} used by other policies too`,
    rights_added: (n: number) => `${items(n)} will give administrators more rights`,
    enrollment_blocked: (n: number) => `${items(n)} will block the enrollment of a platform`,
  } as Record<string, (n: number) => string>,
  otherWarning: (words: string, n: number) => `${words}: ${items(n)}`,

  actions: 'What would be done',
  action: { create: 'Create', update: 'Update', delete: 'Delete', blocked: 'Blocked', none: 'No change', failed: 'Not compared' } as Record<string, string>,
  search: 'Name or setting',
  searching: (done: number, total: number) => `Looking into settings, ${formatNumber(done)} of ${formatNumber(total)}…`,
  types: 'Type',
  warningFilter: 'Warning',
  onlyChanged: 'Only changed settings',
  noun: 'items',
  checkAll: 'Select all shown',
  checkNone: 'Select none shown',
  chosen: (n: number, of: number) => `${formatNumber(n)} of ${formatNumber(of)} selected`,
  include: (name: string) => `Restore ${name}`,
  includeDelete: (name: string) => `Delete ${name}`,
  alsoDelete: (n: number) => `Also delete the ${objects(n)} that the restore created`,
  alsoDeleteHint: 'Deleted objects cannot be brought back with the same id.',

  leftOut: (need: number) => `${items(need)} ${need === 1 ? 'needs' : 'need'} what is left out:`,
  needs: (one: string, other: string) => ({ one, words: ' needs ', other }),
  needsEnd: 'It will be skipped unless the other exists by then.',
  putBack: 'Select what is needed',
  looking: 'Looking for items that need it…',
  notLooked: 'The plan is large: not all items were looked at for what they need.',

  tabs: { changes: 'Changes', steps: 'Steps', raw: 'Raw' },
  tabsLabel: 'Ways to see the plan',
  columns: { setting: 'Setting', live: 'Live now', backup: 'Backup', effect: 'Effect' },
  open: (name: string) => `Settings of ${name}`,
  settings: (n: number) => count(n, 'change', 'changes'),
  newId: 'Gets a new id',
  version: (n: number) => `Version ${n}`,
  matched: { id: 'found by its id', restored: 'found as restored before', default: 'the default object', name: 'found by its name' } as Record<string, string>,
  gone: 'The object that the restore created is deleted.',
  equal: 'Live and backup hold the same.',
  notCompared: 'No settings can be shown.',
  tooLarge: 'It is too large to be compared setting by setting; it is written all the same.',
  truncated: (shown: number, total: number) => `The first ${formatNumber(shown)} of ${formatNumber(total)} changes are shown.`,
  showRows: (n: number) => `Show all ${formatNumber(n)} settings`,
  next: 'Next:',
  effects: {
    added: 'Added', removed: 'Removed', changed: 'Changed', reordered: 'Other order', unreadable: 'Not known', same: 'No change', create: 'New',
  } as Record<string, string>,
  wider: 'Wider',
  widerTo: (whom: string) => `Wider: ${whom}`,
  narrower: 'Narrower',
  exclusionGone: 'Wider: no longer excluded',
  excluded: 'Narrower: excluded',
  valuesAdded: (n: number) => `${count(n, 'value', 'values')} added`,
  valuesRemoved: (n: number) => `${count(n, 'value', 'values')} removed`,
  notWritten: 'Not written',
  reportOnly: 'Not enforced after restore',
  enforced: 'Enforced after restore',
  secret: 'Secret; only that it changes is known.',
  absent: '–',
  steps: (n: number) => count(n, 'request', 'requests'),
  stepsLabel: 'Requests, in this order',
  noSteps: 'Nothing is written for it.',
  references: 'What it refers to',
  refersTo: 'stands for it here',
  refersMade: 'is created by this restore',
  refersNone: 'does not exist here',
  rawLabel: (name: string) => `Raw plan of ${name}`,

  dialog: (n: number, tenant: string) => `Restore ${items(n)} into ${tenant}`,
  undoDialog: (n: number, tenant: string) => `Undo ${items(n)} in ${tenant}`,
  tenantId: 'Microsoft tenant',
  dialogSentence: (create: number, update: number, del: number, left: number, total: number) => {
    const kinds = [create && `${formatNumber(create)} ${are(create)} created`, update && `${formatNumber(update)} overwritten`, del && `${formatNumber(del)} deleted`].filter(Boolean) as string[];
    return `${formatList(kinds)}${left > 0 ? `, ${formatNumber(left)} of ${formatNumber(total)} left out` : ''}. The present state is captured first; you can undo.`;
  },
  confirmDeletes: (n: number) => `Delete the ${objects(n)} that the restore created`,
  confirmDeletesMissing: 'Confirm the deletion, or go back and leave it out.',
  confirmRestore: (n: number) => `Restore ${items(n)}`,
  confirmUndo: (n: number) => `Undo ${items(n)}`,
  back: 'Back to the preview',
};
