// Sentences of the page "All tenants".
import { count } from '../../format/format';

export const tenants = {
  title: 'All tenants',
  sentence: (n: number) => `You can open ${count(n, 'tenant', 'tenants')}.`,
  columns: { tenant: 'Tenant', role: 'Role' },
  copyUserId: 'Copy my user id',
  userIdCopied: 'User id copied',
};
