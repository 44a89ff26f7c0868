// What holds on every page: nobody is left out by sight, by a narrow window or for
// want of a mouse; nothing waits for Microsoft Graph; a failure says so and comes
// back; who may not look sees nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { until } from './support/admin.js';
import { tokenOf } from './support/policies.js';
import { restorable } from './support/restore.js';
import { axe, check, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';

let stack;
let browser;
let own;
let pages; // name, path, and what shows that its content is there

before(async () => {
  stack = readStack();
  browser = await launch();
  const { page, clean } = await visit(browser, stack);
  own = await restorable(stack, await tokenOf(page, stack, admin()), 'Northwind Traders');
  await clean();
  await own.damage();
  const viewer = stack.userWith({ contoso: 'viewer' });
  await own.addMember(viewer.userId, 'viewer', 'Vera Viewer');
  await own.addMember(stack.userWith({ contoso: 'restorer' }).userId, 'restorer', 'Rita Restorer');
  await own.api('/schedules', { method: 'POST', body: JSON.stringify({ name: 'Every night', operation: 'backup_set.create', expression: 'cron(0 2 * * ? *)', timeZone: 'Europe/Berlin', selection: { all: true } }) });
  const [schedule] = (await own.api('/schedules')).items;
  const preview = await own.run(`/backup-sets/${own.set}/previews`);
  const plan = await own.api(`/runs/${preview.id}/plan`);
  const live = await own.run('/restores', { planRunId: preview.id, planDigest: plan.digest, tenantName: own.name, reason: 'CHG0049120' });
  const second = await own.run('/backup-sets', { name: 'After the restore', selection: { all: true } });
  const policy = (await own.policies('2025-NCSC-ASR'))[0];
  const moved = (await own.policies('2025-NCSC-General'))[0];
  const row = '[data-row]';
  pages = [
    ['overview', own.path, 'text=Backed up'],
    ['runs', `${own.path}/runs`, row],
    ['run', `${own.path}/runs/${live.id}`, row],
    ['run-timeline', `${own.path}/runs/${live.id}?tab=timeline`, 'text=A worker started it'],
    ['plan', `${own.path}/runs/${preview.id}/plan`, '[data-object]'],
    ['policies', `${own.path}/policies`, row],
    ['policy', `${own.path}/policies/${policy.id}`, '[role=tabpanel]'],
    ['policy-versions', `${own.path}/policies/${moved.id}?tab=versions`, row],
    ['policy-diff', `${own.path}/policies/${moved.id}/diff?from=1&to=2`, 'main h2, main [data-change]'],
    ['sets', `${own.path}/sets`, row],
    ['set-new', `${own.path}/sets/new`, 'main form, main fieldset, main [role=radiogroup]'],
    ['set', `${own.path}/sets/${own.set}`, row],
    ['set-coverage', `${own.path}/sets/${own.set}?tab=coverage`, '[role=tabpanel]'],
    ['set-compare', `${own.path}/sets/${second.backupSet.id}?tab=compare&with=${own.set}`, '[role=tabpanel]'],
    ['restore-choose', `${own.path}/restore`, row],
    ['restore', `${own.path}/restore?set=${own.set}`, row],
    ['restore-version', `${own.path}/restore?policy=${policy.id}`, row],
    ['schedules', `${own.path}/schedules`, row],
    ['schedule', `${own.path}/schedules?edit=${schedule.id}`, 'main h2, main form'],
    ['drift', `${own.path}/drift`, '[data-empty], [data-row]'],
    ['members', `${own.path}/members`, row],
    ['connection', `${own.path}/connection`, 'main h2'],
    ['audit', `${own.path}/audit`, row],
    ['types', `${own.path}/types`, row],
    ['tenants', '/tenants', row],
    ['my-runs', '/runs', '[data-row], [data-empty]'],
    ['notifications', '/notifications', '[data-row], [data-empty], main li'],
  ];
});

after(async () => {
  await own?.remove();
  await browser?.close();
});

const admin = () => stack.userWith({}, true);
// go opens another address without a reload, which would sign out.
const go = (page, path) =>
  page.evaluate((to) => {
    history.pushState({}, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, path);
// turn opens another page by way of one without content, so that nothing of the page
// before is taken for what is waited for.
const turn = async (page, path) => {
  await go(page, '/nowhere');
  await heading(page, 'Page not found').waitFor();
  await go(page, path);
};
const shown = async (page, name, content) => {
  await page.locator('main h1').first().waitFor();
  await page.locator(content).first().waitFor().catch(async (err) => {
    await picture(page, 'not-shown');
    throw new Error(`${name}: ${err.message}`);
  });
  await page.locator('main [data-loading]').first().waitFor({ state: 'detached' }).catch(() => assert.fail(`${name} goes on loading`));
};
// graphRequests counts what the simulator was asked for the tenant.
const graphRequests = async () => {
  const { graphTenantId } = await own.api('');
  const counters = await (await fetch(`${stack.graph.adminUrl}/v1/counters`)).json();
  const { reads = 0, writes = 0, batches = 0, tokens = 0 } = counters.tenants[graphTenantId] ?? {};
  return reads + writes + batches + tokens;
};

describe('every page', { concurrency: 1 }, () => {
  test('can be read by everybody, in light and dark, down to 320 pixels, and asks Microsoft Graph nothing', async (t) => {
    // Whatever is asked of Graph now is never answered.
    const fault = await own.fault({ kind: 'read', action: 'delay', delayMs: 60_000 });
    const before = await graphRequests();
    assert.ok(before > 0, 'the simulator counts nothing for the tenant');
    t.after(() => own.lift(fault));
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, admin(), own.path);
    for (const [name, path, content] of pages) {
      await turn(page, path);
      await shown(page, name, content);
      await check(page, `page-${name}`);
      await page.setViewportSize({ width: 320, height: 640 });
      assert.ok(await fits(page), `${name} is wider than 320 pixels`);
      await axe(page, `${name} at 320 pixels`);
      await picture(page, `page-${name}-320`);
      await page.setViewportSize({ width: 1440, height: 900 });
    }
    assert.equal(await graphRequests(), before, 'a page asked Microsoft Graph');
    await clean();
  });

  test('says when it cannot be read, with the id of the request, and comes back', async () => {
    const { page, context, clean } = await visit(browser, stack, { expected: [/status of 500/] });
    await signIn(page, stack, admin(), '/notifications');
    await page.locator('main h1').waitFor();
    const failing = (url) => /^\/v1\/(tenants\/[^/]+\/.|runs|notifications|overview)/.test(url.pathname) || /^\/v1\/tenants$/.test(url.pathname);
    // The first reads nothing, the second is where it begins; the others show what was
    // read for the page before.
    const aside = ['set-new', 'notifications', 'run-timeline', 'set-coverage', 'schedule', 'restore-choose'];
    const order = [...pages].sort(([a], [b]) => (b === 'types') - (a === 'types')); // which many read
    for (const [name, path, content] of order) {
      if (aside.includes(name)) continue;
      await context.route(failing, (route) =>
        route.fulfill({
          status: 500, contentType: 'application/problem+json',
          body: JSON.stringify({ code: 'internal', status: 500, detail: 'A fault on our side; nothing was started. Try again.', requestId: 'req_everywhere' }),
        }),
      );
      await go(page, path);
      await page.locator('main').getByText('req_everywhere').first().waitFor().catch(() => assert.fail(`${name} does not say that it cannot be read`));
      await context.unroute(failing);
      await until(`${name} again`, async () => {
        const again = page.locator('main').getByRole('button', { name: 'Try again' });
        if ((await again.count()) > 0) await again.first().click({ timeout: 1000 }).catch(() => undefined);
        return (await page.locator(content).count()) > 0 && (await page.locator('main').getByText('req_everywhere').count()) === 0;
      }, 20_000);
      await shown(page, name, content);
    }
    await clean();
  });

  test('shows a viewer what there is, and starts nothing', async () => {
    const viewer = stack.userWith({ contoso: 'viewer' });
    const { page, clean } = await visit(browser, stack);
    const sent = [];
    page.on('request', (r) => r.url().includes('/v1/') && r.method() !== 'GET' && sent.push(`${r.method()} ${r.url()}`));
    await signIn(page, stack, viewer, own.path);
    const inert = [];
    for (const [name, path, content] of pages) {
      if (name === 'set-new') continue; // a form; what it would do is tried below
      await turn(page, path);
      await shown(page, name, content);
      inert.push(
        ...(await page.evaluate(() =>
          [...document.querySelectorAll('main button[aria-disabled=true]')].map((command) => {
            command.click();
            return command.textContent;
          }),
        )),
      );
      assert.equal(await page.getByRole('dialog').count(), 0, `${name} asked a viewer to confirm something`);
    }
    assert.ok(inert.length > 8, `only ${inert.length} commands are disabled`);
    assert.deepEqual(sent.filter((s) => !s.includes('/notifications')), []);
    await clean();
  });

  test('of a tenant that is not one’s own looks like one that does not exist', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 403/] });
    await signIn(page, stack, stack.userWith({ fabrikam: 'owner' }), '/notifications');
    await page.locator('main h1').waitFor();
    for (const [name, path] of pages) {
      if (!path.startsWith('/t/')) continue;
      await turn(page, path);
      await page.getByText('You have no access to this tenant, or it does not exist. Ask an owner.').waitFor().catch(() => assert.fail(`${name} is shown to a stranger`));
      assert.ok(!(await page.locator('body').innerText()).includes(own.name), `${name} names the tenant`);
    }
    await clean();
  });
});

describe('without a mouse', { concurrency: 1 }, () => {
  // reach presses Tab until the focus is on what is looked for.
  const reach = async (page, role, name) => {
    const wanted = page.getByRole(role, { name }).first();
    await wanted.waitFor();
    for (let i = 0; i < 120; i++) {
      if (await wanted.evaluate((el) => el === document.activeElement)) return wanted;
      await page.keyboard.press('Tab');
    }
    return assert.fail(`${name} cannot be reached by Tab`);
  };

  test('a set is restored from the first page to the last', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, admin(), own.path);
    await heading(page, own.name).waitFor();
    await own.touch('configurationPolicies', own.catalog.get('2025-NCSC-General'));
    await page.keyboard.press('g');
    await page.keyboard.press('b');
    await heading(page, 'Backup sets').waitFor();
    await reach(page, 'link', 'Baseline before 24H2');
    await page.keyboard.press('Enter');
    await heading(page, /Baseline before 24H2/).waitFor();
    await reach(page, 'link', /^Restore/);
    await page.keyboard.press('Enter');
    await heading(page, /^Restore from/).waitFor();
    await reach(page, 'button', /^Preview \d+ items$/);
    await page.keyboard.press('Enter');
    await page.waitForURL('**/plan');
    await page.getByText('Nothing was changed.').waitFor({ timeout: RUN_ENDS });
    const start = await reach(page, 'button', /^Restore \d+ items?…$/);
    const words = (await start.innerText()).replace('…', '');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await reach(page, 'textbox', /^Type the name/);
    await page.keyboard.type(own.name);
    await reach(page, 'textbox', /^Reason/);
    await page.keyboard.type('CHG0049121');
    await reach(page, 'button', words);
    await page.keyboard.press('Enter');
    await page.waitForURL((url) => /\/runs\/run_[^/]+$/.test(url.pathname));
    await page.locator('main h1 ~ [data-status]').filter({ hasText: /Succeeded|Partial/ }).waitFor({ timeout: RUN_ENDS });
    await clean();
  });
});

test('on a slow network a start answers the click at once, and is one start', async () => {
  const { page, context, clean } = await visit(browser, stack);
  await signIn(page, stack, admin(), `${own.path}/policies`);
  await page.locator('[data-row]').first().waitFor();
  const wire = await context.newCDPSession(page);
  await wire.send('Network.enable');
  await wire.send('Network.emulateNetworkConditions', { offline: false, latency: 3000, downloadThroughput: 30_000, uploadThroughput: 15_000 });
  const sent = [];
  page.on('request', (r) => r.method() === 'POST' && r.url().endsWith('/inventory-syncs') && sent.push(r.headers()['idempotency-key']));
  const sync = page.locator('main').getByRole('button', { name: 'Sync inventory' });
  await sync.dblclick();
  await page.locator('main').getByText('Starting…').waitFor({ timeout: 2000 });
  await picture(page, 'slow-start');
  // Another page shows that it comes, long before its content is there.
  await go(page, `${own.path}/sets`);
  await heading(page, 'Backup sets').waitFor();
  await page.locator('main [data-loading]').getByText('Loading…').waitFor({ state: 'attached' });
  await page.locator('main [data-row]').first().waitFor({ timeout: 60_000 });
  assert.equal(new Set(sent).size, 1);
  await wire.send('Network.emulateNetworkConditions', { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
  await until('the end of the sync', async () => (await own.lastRun('inventory.sync')).status === 'succeeded');
  await clean();
});
