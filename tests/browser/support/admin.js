// Tenants of a test's own: registered at the Graph simulator and added over the API,
// so that what the test does to one is seen by nobody else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const run = promisify(execFile);
const tokens = new Map();

// until asks again and again until the answer is something; it fails after a while.
export async function until(what, ask, within = 90_000) {
  for (const end = Date.now() + within; ; ) {
    const found = await ask();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what} did not come within ${within / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function tokenOf(user) {
  if (!tokens.has(user.email)) {
    const { stdout } = await run(join(root, '.local', 'bin', 'localstack'), ['token', user.email], { cwd: root });
    tokens.set(user.email, stdout.trim());
  }
  return tokens.get(user.email);
}

// api asks the public API as a user: api(stack, user)('POST', '/v1/…', body).
export const api = (stack, user) => async (method, path, body, headers = {}) => {
  const answer = await fetch(stack.apiUrl + path, {
    method,
    headers: { Authorization: `Bearer ${await tokenOf(user)}`, ...(body ? { 'Content-Type': 'application/json' } : {}), ...(method === 'POST' ? { 'Idempotency-Key': randomUUID() } : {}), ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};

// simulate asks the administration of the Graph simulator.
export async function simulate(stack, method, path, body) {
  const answer = await fetch(stack.graph.adminUrl + path, { method, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

const settingsCatalog = (name) => ({
  collection: 'configurationPolicies',
  object: {
    '@odata.type': '#microsoft.graph.deviceManagementConfigurationPolicy', name, description: 'Made by a test', platforms: 'windows10', technologies: 'mdm',
    settings: [1, 2, 3].map((n) => ({
      id: String(n),
      settingInstance: {
        '@odata.type': '#microsoft.graph.deviceManagementConfigurationSimpleSettingInstance', settingDefinitionId: `device_vendor_msft_policy_config_00${n}`,
        simpleSettingValue: { '@odata.type': '#microsoft.graph.deviceManagementConfigurationIntegerSettingValue', value: n },
      },
    })),
  },
});

// newTenant makes a tenant with these policies of the settings catalog. The owner of
// contoso owns it; members are { role: user }.
export async function newTenant(stack, { name, policies = [], members = {} } = {}) {
  const graphId = randomUUID();
  const clientId = randomUUID();
  const secret = `browser-${randomUUID()}`;
  const owner = stack.userWith({ contoso: 'owner' });
  const platform = stack.userWith({}, true);
  const types = (await api(stack, platform)('GET', '/v1/policy-types')).items;
  const permissions = [...new Set(types.flatMap((t) => [...(t.readPermissions ?? []), ...(t.writePermissions ?? [])]))];
  const grant = (granted = [...permissions, 'Group.Read.All', 'GroupMember.Read.All']) =>
    simulate(stack, 'PUT', `/v1/tenants/${graphId}/apps/${clientId}`, { clientId, secrets: [{ value: secret }], permissions: granted });
  await simulate(stack, 'PUT', `/v1/tenants/${graphId}`, { displayName: name, objects: policies.map(settingsCatalog), apps: [{ clientId, secrets: [{ value: secret }], permissions }] });
  const made = await api(stack, platform)('POST', '/v1/tenants', {
    name, graphTenantId: graphId, clientId, credential: { kind: 'client_secret', clientSecret: secret }, owner: { userId: owner.userId, name: 'Olivia Owner' },
  });
  const path = `/v1/tenants/${made.id}`;
  const names = { viewer: 'Vera Viewer', operator: 'Omar Operator', restorer: 'Rene Restorer' };
  for (const [role, user] of Object.entries(members)) await api(stack, owner)('PUT', `${path}/members/${user.userId}`, { role, name: names[role] });
  const asOwner = api(stack, owner);
  const ended = async (id) => {
    const end = await until(`the end of ${id}`, async () => {
      const r = await asOwner('GET', `${path}/runs/${id}`);
      return ['queued', 'running'].includes(r.status) ? null : r;
    });
    return end;
  };
  return {
    id: made.id, name, graphId, clientId, secret, permissions, path, owner, ended, grant,
    page: `/t/${made.id}`,
    ask: asOwner,
    // start starts an operation over the API and waits for its end.
    start: async (what, body = {}) => {
      const answer = await asOwner('POST', `${path}/${what}`, body);
      return ended((answer.run ?? answer).id);
    },
    // touch changes a policy as somebody else would.
    touch: async (policyName) => {
      const { items } = await asOwner('GET', `${path}/policies?q=${encodeURIComponent(policyName)}`);
      await simulate(stack, 'POST', `/v1/tenants/${graphId}/objects/configurationPolicies/${items[0].graphId}/touch`);
    },
    remove: () => simulate(stack, 'DELETE', `/v1/tenants/${graphId}`),
  };
}

// fire invokes the function that schedules fire, as the timetable does.
export async function fire(stack, tenant, schedule, due) {
  const answer = await fetch(`${stack.aws.endpoint}/2015-03-31/functions/${stack.outputs.SchedulerFunctionName}/invocations`, {
    method: 'POST',
    headers: { Authorization: `AWS4-HMAC-SHA256 Credential=${stack.aws.accessKeyId}/20260101/${stack.aws.region}/lambda/aws4_request, SignedHeaders=host, Signature=none` },
    body: JSON.stringify({ v: 1, tenant: tenant.id, schedule, due: due.toISOString().replace(/\.\d+Z$/, 'Z') }),
  });
  const text = await answer.text();
  assert.ok(answer.ok && !answer.headers.get('X-Amz-Function-Error'), `the firing failed: ${answer.status} ${text}`);
}

// go opens another address in the page as it is: a new load would ask for the password again.
export async function go(page, path) {
  await page.evaluate((to) => {
    history.pushState({}, '', to);
    dispatchEvent(new PopStateEvent('popstate', { state: {} }));
  }, path);
}
