// The first page of a tenant, and all tenants: what an administrator sees before
// anything was done, after a sync, after a backup, and when something is wrong.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { api, go, newTenant, until } from './support/admin.js';
import { check, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';

let stack;
let browser;
const made = [];

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  for (const tenant of made) await tenant.remove();
});

const user = (role) => stack.userWith({ contoso: role });
const tenantOf = async (options) => {
  const tenant = await newTenant(stack, options);
  made.push(tenant);
  return tenant;
};
const problem = (status, code, detail) => ({
  status,
  contentType: 'application/problem+json',
  body: JSON.stringify({ type: `urn:tenantatlas:problem:${code}`, title: 'Problem', status, code, detail, requestId: 'req_test_1' }),
});
const MARKUP = '<img src=x onerror="document.title=1">';
const RTL = 'سياسة كلمة المرور';

describe('one tenant', () => {
  test('says before the first sync what to do, and after sync and backup what can be restored', { timeout: 4 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: 'Overview 🏔 GmbH', policies: ['Win – Firewall', MARKUP, RTL], members: { operator: user('operator') } });
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, user('operator'), tenant.page);
    await heading(page, tenant.name).waitFor();
    await page.getByText('Not synced yet. A sync lists what the tenant has').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Back up now' }).count(), 0, 'a backup is offered before there is anything to back up');
    assert.equal(await page.title(), `${tenant.name} – TenantAtlas`);
    await check(page, 'overview-never');

    // Two clicks are one run; the answer comes at once.
    await page.getByRole('button', { name: 'Sync inventory' }).dblclick();
    await page.locator('main').getByText('Queued.').waitFor();
    await page.getByRole('link', { name: 'View run' }).first().waitFor();
    await page.getByText(/^Nothing was backed up yet\. The tenant has \d+ policies\.$/).waitFor({ timeout: RUN_ENDS });
    assert.equal((await tenant.ask('GET', `${tenant.path}/runs?operation=inventory.sync`)).items.length, 1);
    await check(page, 'overview-synced');

    await page.getByRole('button', { name: 'Back up now' }).click();
    await page.getByRole('heading', { name: 'Active now (1)' }).waitFor();
    await page.getByText(/^Backed up .*captured whole\./).waitFor({ timeout: RUN_ENDS });
    await page.locator('dl', { hasText: 'Coverage' }).getByText('100%').waitFor();
    const last = page.getByRole('table', { name: 'Last result of each operation' });
    await last.getByRole('row', { name: /Backup set.*Succeeded/ }).waitFor();
    await last.getByRole('row', { name: /Inventory sync.*Succeeded/ }).waitFor();
    await page.getByText('Nothing needs you.').waitFor();
    await page.getByRole('link', { name: 'Restore…' }).waitFor();
    await check(page, 'overview');

    // j and k reach the operations, Enter opens the run.
    await page.locator('h1').focus();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(/\/runs\/run_/);
    await clean();
  });

  test('fits into 390 and 320 pixels', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 390, height: 844 } });
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}`);
    await page.getByText(/^Backed up/).waitFor();
    assert.ok(await fits(page), 'wider than 390');
    await check(page, 'overview-390');
    await page.setViewportSize({ width: 320, height: 700 });
    assert.ok(await fits(page), 'wider than 320');
    await clean();
  });

  test('shows a viewer every command, disabled, with the role it needs', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, user('viewer'), `/t/${stack.tenant('contoso').id}`);
    for (const name of ['Back up now', 'Restore…', 'Sync inventory']) {
      const button = page.getByRole('button', { name });
      await button.waitFor();
      assert.equal(await button.getAttribute('aria-disabled'), 'true', name);
      await button.focus(); // it can be reached, and says why
    }
    assert.equal(await page.getByText('Needs operator. Ask an owner.').count(), 3);
    await check(page, 'overview-viewer');
    await clean();
  });

  test('of somebody else is refused with the same page as one that does not exist', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/403/] });
    await signIn(page, stack, stack.userWith({ fabrikam: 'owner' }), `/t/${stack.tenant('contoso').id}`);
    await page.locator('[data-forbidden]').waitFor();
    const foreign = await page.locator('main').innerText();
    assert.ok(!foreign.includes('contoso'));
    await check(page, 'forbidden');
    await go(page, '/t/ten_01AAAAAAAAAAAAAAAAAAAAAAAA/schedules');
    await page.waitForFunction((text) => document.querySelector('main')?.innerText === text, foreign);
    await clean();
  });

  test('says that Microsoft Graph is down, shows stored data, and disables nothing', async () => {
    const { page, context, clean } = await visit(browser, stack);
    await context.route('**/overview', async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      const graph = { state: 'down', sentence: 'Microsoft Graph has not answered for contoso since 10:31.', since: '2026-11-21T10:31:00Z', runId: 'run_01AAAAAAAAAAAAAAAAAAAAAAAA' };
      const needs = [
        { code: 'consent_missing', kind: 'connection', severity: 'error', sentence: 'The application does not have the permission Policy.Read.All in contoso.', next: 'A Global Administrator must grant it again; see Connection.', since: '2026-11-21T10:31:00Z' },
        { code: 'run_partial', kind: 'run', severity: 'warning', operation: 'backup_set.create', sentence: 'Captured 338 of 340 policies. 2 failed.', runId: 'run_01AAAAAAAAAAAAAAAAAAAAAAAA' },
        { code: 'something_new', kind: 'backup', severity: 'info', sentence: `The set ${MARKUP} waits.`, backupSetId: 'set_1' },
        { code: 'drift_open', kind: 'drift', severity: 'info', sentence: '4 policies changed and are not marked as expected.', count: 4 },
      ];
      await route.fulfill({ response: answer, json: { ...body, graph, needs, openDrift: 4 } });
    });
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}`);
    await page.locator('[data-graph=down]', { hasText: 'Runs wait and continue by themselves. This page shows stored data.' }).waitFor();
    await heading(page, 'contoso').waitFor();
    await page.getByRole('heading', { name: 'Needs you (4)' }).waitFor();
    await page.getByText(`The set ${MARKUP} waits.`, { exact: true }).waitFor();
    for (const name of ['Open connection', 'View run', 'View backup set', 'Review drift']) await page.locator('[data-need]').getByRole('link', { name }).waitFor();
    for (const button of await page.locator('main h1 ~ * button').all()) assert.notEqual(await button.getAttribute('aria-disabled'), 'true');
    await check(page, 'overview-graph-down');
    await clean();
  });

  test('that cannot be read says so with the request id, and tries again', async () => {
    const { page, context, clean } = await visit(browser, stack, { expected: [/500/] });
    await context.route('**/overview', (route) => route.fulfill(problem(500, 'internal', 'A fault on our side; nothing was started. Try again.')));
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}`);
    await page.getByText('A fault on our side').waitFor();
    await page.getByText('req_test_1').waitFor();
    await check(page, 'overview-error');
    await context.unroute('**/overview');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText(/^Backed up/).waitFor();
    await clean();
  });

  test('shows bars while it loads', async () => {
    const { page, context, clean } = await visit(browser, stack);
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await context.route('**/overview', async (route) => {
      await held;
      await route.continue();
    });
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}`);
    await page.locator('[data-loading]', { hasText: 'Loading…' }).waitFor();
    await check(page, 'overview-loading');
    release();
    await page.getByText(/^Backed up/).waitFor();
    await clean();
  });
});

describe('all tenants', () => {
  // A list as the API would answer for many tenants.
  const many = (n) =>
    Array.from({ length: n }, (_, i) => ({
      id: `ten_${String(i).padStart(26, '0')}`, graphTenantId: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, role: 'operator', disabled: i === 5, activeRuns: i === 2 ? 1 : 0, lastRuns: {}, stale: i < 2,
      name: ['Northwind Traders', `A${'b'.repeat(499)}`, MARKUP, RTL, 'Contoso 🏔', 'Proseware', 'Twins', 'Twins'][i] ?? `Tenant ${i}`,
      needs: i < 4 ? 4 - i : 0, openDrift: i === 3 ? 1000 : 0,
      ...(i === 8 ? {} : { lastBackupAt: '2026-11-20T02:00:00Z', coverage: { policies: 340, covered: 338, percent: 99, neverCaptured: 0, vanished: 0, countedAt: '2026-11-20T02:00:00Z' } }),
      ...(i < 4
        ? { need: { code: 'x', kind: i === 3 ? 'drift' : 'run', severity: i < 2 ? 'error' : 'warning', sentence: `Captured 338 of 340 policies of ${MARKUP}. 2 failed.`, operation: i === 3 ? undefined : 'backup_set.create' } }
        : {}),
    }));
  const counts = (n) => ({ all: n, needs: 4, running: 1, stale: 2, connection: 0, drift: 1 });

  test('stand worst first, with what each needs, in one read', async () => {
    const { page, context, clean } = await visit(browser, stack);
    const asked = [];
    await context.route(/\/v1\/tenants\?/, (route) => {
      const query = new URL(route.request().url()).searchParams;
      asked.push(query.toString());
      const show = query.get('show');
      const items = query.get('q') === 'nothing' ? [] : many(60).filter((m) => (show === 'needs' ? m.needs : true));
      return route.fulfill({ json: { items, counts: counts(500), nextPageToken: show || query.get('pageSize') === '200' ? undefined : 'more' } });
    });
    await signIn(page, stack, user('operator'), '/tenants');
    await page.getByText('4 of 500 tenants need you. 498 were backed up in the last 24 hours.').waitFor();
    const rows = page.getByRole('table', { name: 'All tenants' }).locator('[data-row]');
    assert.equal(await rows.count(), 60);
    assert.match(await rows.first().innerText(), /Northwind Traders/);
    await rows.nth(2).getByRole('link', { name: MARKUP }).waitFor();
    assert.match(await rows.nth(3).innerText(), /1,000\+/);
    assert.match(await rows.nth(8).innerText(), /never/);
    await page.getByText('00000000', { exact: true }).first().waitFor(); // twins are told apart
    assert.equal(asked.filter((q) => q.includes('pageSize=100')).length, 1, 'more than one read');
    await check(page, 'tenants');

    // Keyboard, chips, search, and the two ways to nothing.
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    assert.match(await page.evaluate(() => document.activeElement.textContent), /^Ab/);
    await page.getByRole('button', { name: 'Needs you 4' }).click();
    await page.waitForURL(/show=needs/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 4);
    await page.keyboard.press('Escape');
    await page.locator('h1').focus();
    await page.keyboard.press('/');
    await page.keyboard.type('nothing');
    await page.locator('[data-empty=filter]', { hasText: 'No tenants match these 2 filters.' }).waitFor();
    await check(page, 'tenants-no-match');
    await page.locator('[data-empty=filter]').getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 60);
    assert.equal(new URL(page.url()).search, '');
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await fits(page), 'wider than 390');
    await picture(page, 'tenants-390-light');
    await clean();
  });

  test('are found by star, by name and by what they need', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator', fabrikam: 'restorer' }), '/tenants');
    await page.getByRole('button', { name: /^Favorites/ }).click();
    await page.getByText('No favorite yet. The star of a tenant adds it here.').waitFor();
    await check(page, 'tenants-no-favorites');
    await page.getByRole('button', { name: 'Show all tenants' }).click();
    await page.getByRole('button', { name: 'Add fabrikam to favorites' }).click();
    await page.getByRole('button', { name: 'Favorites 1' }).click();
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1);
    await page.getByRole('link', { name: 'fabrikam' }).waitFor();
    await page.getByRole('button', { name: /^All \d/ }).click();
    await page.getByRole('searchbox', { name: 'Search by name or id' }).fill(stack.tenant('contoso').id);
    await page.waitForURL(/q=ten_/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1);
    await page.getByRole('link', { name: 'contoso' }).click();
    await heading(page, 'contoso').waitFor();
    await clean();
  });

  test('can be added by a platform administrator, who sees nothing of them', async () => {
    const { page, context, clean } = await visit(browser, stack);
    const sent = [];
    page.on('request', (r) => r.method() === 'POST' && r.url().endsWith('/v1/tenants') && sent.push(r.postDataJSON()));
    await signIn(page, stack, stack.userWith({}, true), '/tenants');
    await page.getByRole('button', { name: 'Add tenant…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a tenant' });
    await dialog.getByRole('button', { name: 'Add tenant', exact: true }).click();
    await dialog.getByText('Enter the client secret.').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-invalid')), 'true', 'the first fault has no focus');
    await check(page, 'tenants-add');
    const name = `Added ${Date.now()}`;
    await dialog.getByLabel('Name', { exact: false }).first().fill(name);
    await dialog.getByLabel('Tenant id in Microsoft Entra').fill('99999999-9999-4999-8999-999999999999');
    await dialog.getByLabel('Application (client) id').fill('99999999-9999-4999-8999-999999999998');
    await dialog.getByLabel('Client secret').fill('a-secret-of-the-test');
    await dialog.getByLabel('User id of the first owner').fill(user('owner').userId);
    await page.keyboard.press('Enter');
    await page.locator('[data-notice]', { hasText: `${name} was added.` }).waitFor();
    assert.equal(sent.length, 1);
    await dialog.waitFor({ state: 'detached' });
    const kept = JSON.stringify(await context.storageState()) + (await page.content());
    assert.ok(!kept.includes('a-secret-of-the-test'), 'the secret stayed in the page');
    await until('the new tenant of its owner', async () => (await api(stack, user('owner'))('GET', `/v1/tenants?q=${encodeURIComponent(name)}`)).items.length === 1, 10_000);
    await clean();
  });
});
