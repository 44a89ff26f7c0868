// Short names for what the API answers.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Run = Schemas['RunView'];
export type RunList = Schemas['ListRunView'];
export type Membership = Schemas['MembershipView'];
export type Tenant = Schemas['TenantView'];
export type Me = Schemas['MeView'];
export type Notification = Schemas['NotificationView'];
export type Role = Membership['role'];
/** A run's status, and "waiting" for a running one that waits for Microsoft Graph. */
export type ShownStatus = Run['status'] | 'waiting';
export type Policy = Schemas['PolicyView'];
export type PolicyVersion = Schemas['VersionView'];
export type BackupSet = Schemas['BackupSetView'];
export type BackupItem = Schemas['BackupItemView'];
export type Selection = Schemas['SelectionInput'];
export type Overview = Schemas['OverviewView'];
export type RunItem = Schemas['OutcomeView'];
export type RunItemList = Schemas['RunItems'];
export type Failure = Schemas['FailureView'];
export type Plan = Schemas['PlanView'];
export type PlanItem = Schemas['PlanItemView'];
export type PlanDetail = Schemas['PlanDetailView'];
