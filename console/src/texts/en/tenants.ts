// Sentences of the page "All tenants".
import { count, formatNumber } from '../../format/format';

export const tenants = {
  title: 'All tenants',
  noun: 'tenants',
  sentence: (needs: number, all: number, backedUp: number) =>
    `${needs === 0 ? (all === 1 ? 'The tenant does not need you.' : 'No tenant needs you.') : `${formatNumber(needs)} of ${count(all, 'tenant', 'tenants')} ${needs === 1 ? 'needs' : 'need'} you.`} ${formatNumber(backedUp)} ${
      backedUp === 1 ? 'was' : 'were'
    } backed up in the last 24 hours.`,
  search: 'Search by name or id',
  show: 'Show',
  shows: { all: 'All', needs: 'Needs you', running: 'Running', stale: 'No backup in 24 h', connection: 'Connection', drift: 'Drift', favorites: 'Favorites' },
  sort: 'Sort',
  sorts: { need: 'Most urgent first', name: 'By name', backup: 'Oldest backup first' },
  sortAgain: 'Sort again',
  columns: { tenant: 'Tenant', need: 'Needs you', backup: 'Last backup', coverage: 'Coverage', drift: 'Drift', active: 'Active' },
  fine: 'Nothing',
  moreNeeds: (n: number) => `+${formatNumber(n)} more`,
  neverBackedUp: 'never',
  disabled: 'Disabled',
  driftMost: '1,000+',
  noFavorites: 'No favorite yet. The star of a tenant adds it here.',
  showAll: 'Show all tenants',
  copyUserId: 'Copy my user id',
  userIdCopied: 'User id copied',

  add: 'Add tenant…',
  addTitle: 'Add a tenant',
  addIt: 'Add tenant',
  added: (name: string) => `${name} was added.`,
  addedNext: 'Its owner can open it, test the connection and sync.',
  fields: {
    name: 'Name', graphTenantId: 'Tenant id in Microsoft Entra', clientId: 'Application (client) id', cloud: 'Cloud', kind: 'Credential', secret: 'Client secret',
    certificate: 'Certificate and private key, PEM', owner: 'User id of the first owner', ownerName: 'Name of the first owner',
  },
  ownerHint: 'Users copy their own id from the account menu.',
  missing: 'Fill this in.',
  notGuid: 'Enter an id like 7c1e4bfa-0f3b-4c0e-9b5e-2f6f3a1d9c55.',
};
