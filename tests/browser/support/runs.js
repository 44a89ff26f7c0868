// Runs that a test tells the console of, in place of the API: how far they are is
// up to the test.

// madeUp answers a run like one of the API's, with changes.
export function madeUp(tenant, changes = {}) {
  const counts = { total: 40, succeeded: 0, failed: 0, skipped: 0, ...changes.counts };
  const id = changes.id ?? 'run_00000000000000000000000001';
  return {
    id, tenantId: tenant.id, tenantName: tenant.name, operation: 'backup_set.create', status: 'running', sentence: 'Capturing 0 of 40 policies.',
    target: { kind: 'backup_set', id: 'set_1', name: 'Made up' }, initiator: { name: 'Omar Operator', userId: 'u' },
    createdAt: '2026-11-21T10:31:00Z', startedAt: '2026-11-21T10:31:01Z', updatedAt: '2026-11-21T10:31:02Z', deadlineAt: '2026-11-21T12:31:00Z',
    links: { self: `/v1/tenants/${tenant.id}/runs/${id}`, items: `/v1/tenants/${tenant.id}/runs/${id}/items` },
    progress: { phase: 'working', done: counts.succeeded + counts.failed + counts.skipped },
    ...changes,
    counts,
  };
}

// tellOf lets the console see these runs: the active ones in the list, each at its
// own address. set(run) changes one; asked counts questions for the list.
export async function tellOf(context, ...runs) {
  const known = new Map(runs.map((run) => [run.id, run]));
  const told = { asked: [], set: (run) => known.set(run.id, run) };
  const active = (run) => run.status === 'running' || run.status === 'queued';
  await context.route('**/v1/runs?*', (route) => {
    told.asked.push(Date.now());
    return route.fulfill({ json: { items: [...known.values()].filter(active) } });
  });
  await context.route(/\/v1\/tenants\/[^/]+\/runs\/run_0000[^/]*$/, (route) => {
    const run = known.get(new URL(route.request().url()).pathname.split('/').at(-1));
    return run ? route.fulfill({ json: run }) : route.continue();
  });
  return told;
}
