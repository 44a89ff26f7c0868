// A tenant of a test's own for the pages of policies and backup sets: a simulated
// Microsoft tenant with policies as customers name them, owned by the platform
// administrator, so that nobody else's list of tenants changes.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { signIn } from '../support.js';

export const MARKUP = '<img src=x onerror=alert(1)>';
export const RIGHT_TO_LEFT = 'سياسة الأمان – الأجهزة المحمولة';
export const LONG = `Long 🛡️ ${'name '.repeat(98)}`.trim().slice(0, 500);
export const SCRIPT = 'Clean up temporary files';
export const GONE = 'Pilot that ends';
// Numbers of a policy of the simulated tenant as Microsoft Graph writes them. A double holds none.
export const EXACT_POLICY = 'Windows custom: wireless and limits';
export const EXACT = ['"large": 9007199254740993', '"exact": 1.10', '"tiny": 1E-7', '"value": 9223372036854775807', '"value": 0.10000000000000000001'];

const script = Array.from({ length: 30 }, (_, i) => `Write-Host "step ${i} of the clean-up"`);
export const scriptBefore = [...script.slice(0, 15), 'Remove-Item -Path $env:TEMP -Recurse -Force', ...script.slice(15)].join('\n');
export const scriptAfter = scriptBefore.replace('-Force', '-WhatIf');

async function ask(url, { method = 'GET', body, token, headers = {} } = {}) {
  const answer = await fetch(url, {
    method,
    headers: { 'Content-Type': 'application/json', ...(token ? { Authorization: token } : {}), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${url}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** tokenOf signs a user in and returns the access token that the page sends. */
export async function tokenOf(page, stack, user) {
  const [request] = await Promise.all([page.waitForRequest((r) => r.url().includes('/v1/') && Boolean(r.headers().authorization)), signIn(page, stack, user, '/notifications')]);
  return request.headers().authorization;
}

/** ownTenant makes the tenant and returns how to change what is in it. */
export async function ownTenant(stack, token, name) {
  const graphID = randomUUID();
  const admin = (path, options) => ask(`${stack.graph.adminUrl}/v1/tenants${path}`, options);
  const known = await admin('');
  const permissions = known.find((t) => t.id === stack.tenant('contoso').graphTenantId).apps[0].permissions;
  const clientId = randomUUID();
  const secret = `browser-${randomUUID()}`;
  const id = { script: randomUUID(), gone: randomUUID() };
  const custom = (displayName, own) => ({
    '@odata.type': '#microsoft.graph.windows10CustomConfiguration', id: own, displayName, description: 'Made for a test',
    omaSettings: [{ '@odata.type': '#microsoft.graph.omaSettingString', displayName: 'Banner', omaUri: './Vendor/MSFT/Banner', value: MARKUP }],
  });
  const put = (collection, object) => admin(`/${graphID}/objects`, { method: 'POST', body: { collection, object } });
  await admin(`/${graphID}`, {
    method: 'PUT',
    body: { displayName: name, builtin: 'contoso', apps: [{ clientId, secrets: [{ value: secret }], permissions }] },
  });
  const writeScript = (text) =>
    put('deviceManagementScripts', {
      '@odata.type': '#microsoft.graph.deviceManagementScript', id: id.script, displayName: SCRIPT, fileName: 'clean-up.ps1', runAsAccount: 'system',
      scriptContent: Buffer.from(text).toString('base64'),
    });
  await put('deviceConfigurations', custom(MARKUP, randomUUID()));
  await put('deviceConfigurations', custom(LONG, randomUUID()));
  await put('deviceConfigurations', custom(RIGHT_TO_LEFT, randomUUID()));
  await put('deviceConfigurations', custom(GONE, id.gone));
  await writeScript(scriptBefore);

  const api = (path, options) => ask(`${stack.apiUrl}/v1${path}`, { token, ...options });
  const me = await api('/me');
  const made = await api('/tenants', {
    method: 'POST',
    body: { name, graphTenantId: graphID, clientId, credential: { kind: 'client_secret', clientSecret: secret }, owner: { userId: me.userId ?? me.id, name: 'Paula Platform' } },
  });
  const tenant = `/tenants/${made.id}`;
  return {
    id: made.id,
    name,
    path: `/t/${made.id}`,
    writeScript,
    removePilot: () => admin(`/${graphID}/objects/deviceConfigurations/${id.gone}`, { method: 'DELETE' }),
    restorePilot: () => put('deviceConfigurations', custom(GONE, id.gone)),
    fault: (rule) => ask(`${stack.graph.adminUrl}/v1/faults`, { method: 'POST', body: { tenant: graphID, ...rule } }),
    lift: (fault) => ask(`${stack.graph.adminUrl}/v1/faults/${fault.id}`, { method: 'DELETE' }),
    policies: async (q) => (await api(`${tenant}/policies?pageSize=200${q ? `&q=${encodeURIComponent(q)}` : ''}`)).items,
    // run starts something and waits for its end.
    async run(path, body = {}) {
      const answer = await api(`${tenant}${path}`, { method: 'POST', body, headers: { 'Idempotency-Key': randomUUID() } });
      let run = answer.run ?? answer;
      for (let i = 0; i < 300 && ['queued', 'running'].includes(run.status); i++) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        run = await api(`${tenant}/runs/${run.id}`);
      }
      assert.ok(!['queued', 'running'].includes(run.status), `${path} did not end`);
      return { ...run, backupSet: answer.backupSet };
    },
    remove: () => admin(`/${graphID}`, { method: 'DELETE' }),
  };
}
