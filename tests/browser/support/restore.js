// A tenant of a test's own for the pages of runs, plans and restores: captured as it
// was, then changed as somebody else would, so that a restore has much to say.
import { randomUUID } from 'node:crypto';
import { ownTenant } from './policies.js';

const GROUP = '11111111-2222-4333-8444-555555555555';

/** restorable makes the tenant with a backup set "Baseline before 24H2". */
export async function restorable(stack, token, name) {
  const tenant = await ownTenant(stack, token, name);
  const api = async (path, options = {}) => {
    const answer = await fetch(`${stack.apiUrl}/v1/tenants/${tenant.id}${path}`, {
      ...options,
      headers: { 'Content-Type': 'application/json', Authorization: token, 'Idempotency-Key': randomUUID() },
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const { graphTenantId } = await api('');
  const sim = async (method, path, body) => {
    const answer = await fetch(`${stack.graph.adminUrl}/v1/tenants/${graphTenantId}${path}`, {
      method, headers: { 'Content-Type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const ids = async (collection) => new Map((await sim('GET', `/objects/${collection}`)).map((o) => [o.name, o.id]));
  const touch = (collection, id) => sim('POST', `/objects/${collection}/${id}/touch`);
  const everybody = [{ target: { '@odata.type': '#microsoft.graph.allDevicesAssignmentTarget' } }];
  const catalog = await ids('configurationPolicies');
  const custom = await ids('deviceConfigurations');
  await sim('PUT', `/objects/configurationPolicies/${catalog.get('2025-NCSC-ASR')}/assignments`, everybody);
  await tenant.run('/inventory-syncs');
  const set = await tenant.run('/backup-sets', { name: 'Baseline before 24H2', selection: { all: true } });
  return {
    ...tenant, api, sim, catalog, custom, touch, set: set.backupSet.id, setRun: set,
    // damage changes, removes and reassigns what the set holds.
    async damage() {
      for (const each of ['ACSC Edge Hardening Guidelines', '2025-NCSC-Edge', '2025-NCSC-General']) await touch('configurationPolicies', catalog.get(each));
      const compliance = await ids('deviceCompliancePolicies');
      await touch('deviceCompliancePolicies', compliance.get('macOS Baseline Compliance Policy'));
      await touch('deviceConfigurations', custom.get('سياسة الأمان – الأجهزة المحمولة'));
      await sim('PUT', `/objects/configurationPolicies/${catalog.get('2025-NCSC-ASR')}/assignments`, [
        { target: { '@odata.type': '#microsoft.graph.groupAssignmentTarget', groupId: GROUP } },
      ]);
      for (const [each, id] of custom) if (each.startsWith('<img') || each.startsWith('Long')) await sim('DELETE', `/objects/deviceConfigurations/${id}`);
      // The tag of this one does not exist, so that it cannot be made again.
      await sim('DELETE', `/objects/deviceCompliancePolicies/${compliance.get('iOS compliance with notification')}`);
    },
    // writes counts the requests that wrote to the simulated tenant.
    writes: async () => (await (await fetch(`${stack.graph.adminUrl}/v1/counters`)).json()).tenants[graphTenantId]?.writes ?? 0,
    addMember: (userId, role, who) => fetchPut(`${stack.apiUrl}/v1/tenants/${tenant.id}/members/${userId}`, token, { role, name: who }),
  };
}

async function fetchPut(url, token, body) {
  const answer = await fetch(url, { method: 'PUT', headers: { 'Content-Type': 'application/json', Authorization: token }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`PUT ${url}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
