// All English sentences, by area. A page imports its own from here; a translation
// is a second folder beside en.
export { common } from './en/common';
export { credential } from './en/credential';
export { filtering } from './en/filtering';
export { shell, shortcutTexts } from './en/shell';
export { signin } from './en/signin';
export { notifications } from './en/notifications';
export { overview } from './en/overview';
export { tenants } from './en/tenants';
export { runs } from './en/runs';
export { run } from './en/run';
export { plan } from './en/plan';
export { policies } from './en/policies';
export { policy } from './en/policy';
export { policyDiff } from './en/policy-diff';
export { sets } from './en/sets';
export { setNew } from './en/set-new';
export { set } from './en/set';
export { restore } from './en/restore';
export { schedules } from './en/schedules';
export { members } from './en/members';
export { drift } from './en/drift';
export { connection } from './en/connection';
export { audit } from './en/audit';
export { types } from './en/types';
