// Names of what is kept in the query cache. The first part says of which tenant,
// so that a start or an end can mark everything of one tenant as old.
export const keys = {
  me: ['me'] as const,
  memberships: ['memberships'] as const,
  myRuns: ['my-runs'] as const,
  /** The newest notifications and the number of unread ones. */
  inbox: ['inbox'] as const,
  notifications: (query: object) => ['notifications', query] as const,
  tenant: (tenant: string) => ['tenant', tenant] as const,
  /** keys.of(tenant, 'runs', query): anything below a tenant. */
  of: (tenant: string, what: string, ...rest: unknown[]) => ['tenant', tenant, what, ...rest] as const,
};
