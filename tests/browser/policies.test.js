// The pages of policies in a real browser, against a running local stack: from a
// tenant that was never synced to what changed between two versions.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { announced, check, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { EXACT, EXACT_POLICY, GONE, LONG, MARKUP, ownTenant, RIGHT_TO_LEFT, SCRIPT, scriptAfter, tokenOf } from './support/policies.js';

let stack;
let browser;
let own;

before(async () => {
  stack = readStack();
  browser = await launch();
  const { page, clean } = await visit(browser, stack);
  own = await ownTenant(stack, await tokenOf(page, stack, admin()), `Policies ${Date.now() % 100_000}`);
  await clean();
});

after(async () => {
  await own?.remove();
  await browser?.close();
});

const admin = () => stack.userWith({}, true);
const open = async (path, options) => {
  const visitor = await visit(browser, stack, options);
  await signIn(visitor.page, stack, admin(), own.path + path);
  return visitor;
};
const row = (page, name) => page.locator('[data-row]').filter({ has: page.getByRole('link', { name, exact: true }) });
// go opens another address without a reload, which would sign out.
const go = async (page, path) => {
  await page.evaluate((to) => {
    history.pushState({}, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, own.path + path);
};
const policyPath = async (name) => `/policies/${(await own.policies(name.slice(0, 20))).find((p) => p.name === name).id}`;

describe('policies', () => {
  test('are not there before the first sync, and come by one click', async () => {
    const { page, clean } = await open('/policies');
    await page.getByText('Not synced yet.').waitFor();
    await check(page, 'policies-never');
    await page.getByRole('button', { name: 'Sync inventory' }).dblclick();
    await page.getByText(/Queued\.|already running/).first().waitFor();
    await row(page, SCRIPT).waitFor({ timeout: RUN_ENDS });
    const runs = await page.locator('[data-row]').count();
    assert.equal(runs, 20);
    await page.getByText(/^20 policies in the last sync/).waitFor();
    assert.equal(await page.title(), `Policies – ${own.name} – TenantAtlas`);
    // Names are text, whatever they hold.
    for (const name of [MARKUP, RIGHT_TO_LEFT]) await row(page, name).waitFor();
    await page.getByRole('link', { name: LONG.slice(0, 250) }).waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    await check(page, 'policies');
    await clean();
  });

  test('are found by name and type, with the filter in the address, and by keyboard', async () => {
    const { page, clean } = await open('/policies');
    await row(page, SCRIPT).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('clean');
    await page.waitForURL('**?q=clean');
    await page.getByText('1 policy', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Type' }).click();
    await page.getByRole('menuitemcheckbox', { name: /Settings catalog/ }).click();
    await page.keyboard.press('Escape');
    await page.getByText('No policies match these 2 filters.').waitFor();
    await check(page, 'policies-no-match');
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await row(page, SCRIPT).waitFor();
    assert.equal(new URL(page.url()).search, '');
    await page.getByRole('button', { name: 'State' }).click();
    await page.getByRole('menuitemradio', { name: 'Never captured' }).click();
    await page.waitForURL('**?state=never');
    await page.getByRole('button', { name: 'State: Never captured' }).waitFor();
    // A row is reached and marked without the mouse.
    await heading(page, 'Policies').focus();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('x');
    await page.getByText('1 selected').waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL('**/policies/pol_*');
    await clean();
  });

  test('are captured one by one, as checked, and as many as match', async () => {
    const { page, clean } = await open('/policies');
    await row(page, SCRIPT).waitFor();
    const starts = [];
    page.on('request', (r) => r.method() === 'POST' && /snapshots$/.test(r.url()) && starts.push(r));
    await row(page, SCRIPT).getByRole('button', { name: /^Capture/ }).dblclick();
    await row(page, SCRIPT).getByText(/Queued\.|Succeeded/).waitFor();
    await row(page, SCRIPT).getByRole('link', { name: 'View run' }).waitFor();
    assert.equal(new Set(starts.map((r) => r.headers()['idempotency-key'])).size, 1, 'a double click is one start');
    await row(page, SCRIPT).getByText('Succeeded').waitFor({ timeout: RUN_ENDS });
    await row(page, SCRIPT).getByText('just now').waitFor();

    // Marks survive filtering.
    await row(page, MARKUP).getByRole('checkbox').check();
    await page.getByRole('searchbox').fill('compliance');
    await row(page, MARKUP).waitFor({ state: 'detached' });
    await row(page, 'Windows compliance').getByRole('checkbox').check();
    await page.getByText('2 selected').waitFor();
    await page.getByRole('button', { name: 'Show', exact: true }).click();
    await page.getByRole('listitem').filter({ hasText: MARKUP }).waitFor();
    await check(page, 'policies-selected');
    await page.getByRole('button', { name: 'Capture 2 policies' }).click();
    await row(page, 'Windows compliance').getByText(/Queued\.|Succeeded/).waitFor();
    await row(page, 'Windows compliance').getByText('Succeeded').waitFor({ timeout: RUN_ENDS });
    await page.getByRole('button', { name: 'Clear selection' }).click();

    await page.getByRole('searchbox').fill('');
    await row(page, MARKUP).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Select all 20 that match' }).click();
    await page.getByText('All 20 policies that match are selected').waitFor();
    await page.getByRole('button', { name: 'Capture 20 policies' }).click();
    await page.getByText(/All were captured\./).waitFor({ timeout: RUN_ENDS });
    assert.equal((await own.lastRun('policy.capture_snapshot')).counts.total, 20);
    await clean();
  });
});

describe('a policy', () => {
  test('shows its settings by name, and its content to the digit', async () => {
    const { page, clean } = await open(await policyPath(EXACT_POLICY));
    await heading(page, EXACT_POLICY).waitFor();
    await page.getByText(/^Captured .* version 1\. Complete\.$/).waitFor();
    await page.getByText('Largest 32 bit number', { exact: false }).first().waitFor();
    await check(page, 'policy');
    await page.getByRole('searchbox', { name: 'Search settings' }).fill('9223372036854775807');
    await page.getByText('1 setting', { exact: true }).waitFor();
    await page.getByRole('searchbox', { name: 'Search settings' }).fill('nothing holds this');
    await page.getByText('No settings match this filter.').waitFor();
    await page.getByRole('tab', { name: 'Assignments' }).click();
    await page.getByText(/^Excluded group/).waitFor();
    await check(page, 'policy-assignments');
    await page.getByRole('tab', { name: 'Raw' }).click();
    const raw = await page.getByRole('region', { name: 'Content as captured' }).innerText();
    for (const text of EXACT) assert.ok(raw.includes(text), `${text} is not in the content`);
    await check(page, 'policy-raw');
    await clean();
  });

  test('keeps versions, and says word by word what changed in a script', async () => {
    await own.writeScript(scriptAfter);
    await own.removePilot();
    await own.run('/inventory-syncs');
    const { page, clean } = await open(await policyPath(SCRIPT));
    await page.getByText('It changed in the tenant after its last capture.', { exact: false }).waitFor();
    await page.getByRole('button', { name: 'Capture', exact: true }).click();
    await page.locator('main').getByText(/^Captured .*version 2\. Complete\./).waitFor({ timeout: RUN_ENDS });
    await page.getByRole('tab', { name: 'Versions' }).click();
    await page.waitForURL('**?tab=versions');
    await row(page, 'Version 1').waitFor();
    await check(page, 'policy-versions');
    await row(page, 'Version 1').getByRole('checkbox').check();
    await row(page, 'Version 2').getByRole('checkbox').check();
    await page.getByRole('link', { name: 'Compare the two' }).click();
    await page.waitForURL('**/diff?from=1&to=2');
    await page.getByText('1 change from version 1 to version 2.').waitFor();
    assert.match(await page.locator('del').innerText(), /Force/);
    assert.match(await page.locator('ins').innerText(), /WhatIf/);
    assert.ok(!(await page.locator('main').innerText()).includes('step 2 of'), 'what did not change is shown');
    await check(page, 'policy-diff');

    await page.getByRole('checkbox', { name: 'Also settings that did not change' }).check();
    await page.waitForURL('**full=1*');
    await page.getByText('Run as account').waitFor();
    const file = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Download' }).click();
    assert.equal((await file).suggestedFilename(), 'Clean-up-temporary-files-v1-v2.json');
    await page.getByRole('tab', { name: 'Raw' }).click();
    await page.getByRole('region', { name: 'Lines that changed' }).waitFor();
    await check(page, 'policy-diff-raw');
    await page.getByRole('button', { name: 'Swap' }).click();
    await page.getByText('1 change from version 2 to version 1.').waitFor();
    await go(page, `${await policyPath(SCRIPT)}/diff?from=2&to=2`);
    await page.getByText('Versions 2 and 2 hold the same.').waitFor();
    await clean();
  });

  test('that left the tenant says so and can be restored', async () => {
    const { page, clean } = await open('/policies?state=vanished');
    await row(page, GONE).getByText('Vanished').waitFor();
    assert.equal(await row(page, GONE).getByRole('checkbox').count(), 0, 'it cannot be captured');
    await row(page, GONE).getByRole('link', { name: GONE }).click();
    await page.getByText('This policy is no longer in the tenant.', { exact: false }).waitFor();
    assert.match(await page.getByRole('link', { name: 'Restore a version…' }).getAttribute('href'), /\/restore\?policy=pol_.*&v=1$/);
    await check(page, 'policy-vanished');
    await clean();
  });

  test('of an older version leads to the latest', async () => {
    const { page, clean } = await open(`${await policyPath(SCRIPT)}?v=1`);
    await page.getByText('This is version 1 of 2.').waitFor();
    await page.getByRole('button', { name: /^Show all [\d,]+ characters$/ }).click();
    await page.getByText('-Recurse -Force').waitFor();
    await page.getByRole('link', { name: 'Compare with the latest' }).click();
    await page.getByText('1 change from version 1 to version 2.').waitFor();
    await clean();
  });

  test('that does not exist, or fails to load, says what to do', async () => {
    const { page, clean } = await open('/policies/pol_00000000000000000000000000', { expected: [/status of (404|500)/] });
    await page.getByRole('alert').first().waitFor();
    await page.route('**/v1/tenants/*/policies?*', (route) =>
      route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ status: 500, code: 'internal', detail: 'A fault on our side; nothing was started.', requestId: 'req-7' }) }),
    );
    await go(page, '/policies?q=x');
    await page.getByText('req-7').waitFor();
    await check(page, 'policies-error');
    await page.unroute('**/v1/tenants/*/policies?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('[data-row], [data-empty]').first().waitFor();
    await clean();
  });
});

test('whoever may only look sees why commands are disabled', async () => {
  const { page, clean } = await visit(browser, stack);
  await signIn(page, stack, stack.userWith({ contoso: 'viewer' }), `/t/${stack.tenant('contoso').id}/policies`);
  await page.locator('[data-row]').first().waitFor();
  await page.getByText('Needs operator. Ask an owner.').first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'Sync inventory' }).getAttribute('aria-disabled'), 'true');
  await check(page, 'policies-viewer');
  await page.getByRole('link', { name: EXACT_POLICY }).click();
  const capture = page.getByRole('button', { name: 'Capture', exact: true });
  await heading(page, EXACT_POLICY).waitFor();
  await capture.waitFor();
  assert.equal(await capture.getAttribute('aria-disabled'), 'true');
  assert.equal(await page.getByRole('button', { name: 'Restore a version…' }).getAttribute('aria-disabled'), 'true');
  await clean();
});

test('coverage says of every type what can be restored', async () => {
  const { page, clean } = await open('/types');
  await page.getByText(/^\d+ types: \d+ full, \d+ preview only, \d+ capture only\. This tenant uses \d+\.$/).waitFor();
  await check(page, 'types');
  await page.getByRole('searchbox', { name: 'Search types' }).fill('custom profile (oma');
  await page.getByText('1 type', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Custom profile (OMA-URI)' }).click();
  await page.waitForURL('**item=device-configuration-custom-oma*');
  await page.getByText('deviceManagement/deviceConfigurations').waitFor();
  await check(page, 'types-details');
  await page.locator('[data-row]').getByRole('link').first().click();
  await page.waitForURL('**/policies?type=device-configuration-custom-oma');
  await row(page, MARKUP).waitFor();
  await clean();
});

test('every page fits into 320 pixels', async () => {
  const script = await policyPath(SCRIPT);
  const { page, clean } = await open('/policies', { viewport: { width: 390, height: 844 } });
  for (const [name, path] of [['policies', '/policies'], ['policy', script], ['policy-versions', `${script}?tab=versions`], ['policy-diff', `${script}/diff?from=1&to=2`], ['types', '/types']]) {
    await go(page, path);
    await page.locator('[data-row]').first().waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    await picture(page, `${name}-390`);
    await page.setViewportSize({ width: 320, height: 640 });
    assert.ok(await fits(page), `${name} is wider than 320 pixels`);
  }
  await clean();
});

test('the number of what was found is said', async () => {
  const { page, clean } = await open('/policies');
  await row(page, SCRIPT).waitFor();
  await page.getByRole('searchbox').fill('compliance');
  await page.getByRole('status').filter({ hasText: /^\d+ policies$/ }).waitFor();
  await page.getByRole('button', { name: 'Capture Windows compliance' }).click();
  await announced(page, /Capture Windows compliance: (Queued|This is already running)/);
  await clean();
});
