// One run in a real browser, against a running local stack: started, watched,
// reloaded, canceled, failed in part and as a whole, done again; in two tabs, by
// those who may and those who may not.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { announced, axe, check, fillSignIn, fits, heading, launch, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { MARKUP, ownTenant, RIGHT_TO_LEFT, SCRIPT, tokenOf } from './support/policies.js';
import { madeUp } from './support/runs.js';

let stack;
let browser;
let own;
let token;

before(async () => {
  stack = readStack();
  browser = await launch();
  const { page, clean } = await visit(browser, stack);
  token = await tokenOf(page, stack, admin());
  own = await ownTenant(stack, token, `Runs ${Date.now() % 100_000}`);
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
// start starts something beside the page, as a colleague would.
const start = async (path, body = {}, tenant = own) => {
  const answer = await fetch(`${stack.apiUrl}/v1/tenants/${tenant.id}${path}`, {
    method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', Authorization: token, 'Idempotency-Key': randomUUID() },
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  const got = await answer.json();
  return got.run ?? got;
};
const row = (page, name) => page.locator('main [data-row]').filter({ hasText: name });
const badge = (page, words) => page.locator('main h1 ~ [data-status]').filter({ hasText: words });
const runOf = (page) => new URL(page.url()).pathname.split('/')[4];
const dialog = (page) => page.getByRole('dialog');
const button = (page, name) => page.locator('main').getByRole('button', { name });
const tab = (page, name) => page.getByRole('tab', { name });
// slow holds every read of the tenant, so that a run can be seen on its way.
const slow = (delayMs) => own.fault({ kind: 'read', action: 'delay', delayMs });
// posted collects what the page sends to an address.
const posted = (page, ending) => {
  const sent = [];
  page.on('request', (r) => r.method() === 'POST' && r.url().endsWith(ending) && sent.push(r));
  return sent;
};
const oneKey = (sent) => assert.equal(new Set(sent.map((r) => r.headers()['idempotency-key'])).size, 1, 'a double click is one start');

// The story goes on from test to test.
describe('a run', { concurrency: 1 }, () => {
  test('is started by a double click and watched to its end, over a reload and in two tabs', async () => {
    const fault = await slow(1500);
    const { page, context, clean } = await open('/runs');
    await page.getByText('No run yet.').waitFor();
    const sent = posted(page, '/inventory-syncs');
    await button(page, 'Sync inventory').dblclick();
    // The list may show the run before the button has answered: either leads there.
    await page.locator('main').getByRole('link', { name: /View run|Inventory sync/ }).first().click();
    await heading(page, 'Inventory sync').waitFor();
    oneKey(sent);
    assert.equal(await page.title(), `Inventory sync – ${own.name} – TenantAtlas`);
    await badge(page, 'Running').waitFor({ timeout: RUN_ENDS });
    await page.getByText(/^Phase: /).waitFor();
    await button(page, 'Cancel run').waitFor();
    await check(page, 'run-running');

    // Nothing is lost: the way leads over the provider and back to the run.
    const { href } = new URL(page.url());
    await page.reload();
    const password = page.locator('#password');
    await password.or(heading(page, 'Inventory sync')).first().waitFor();
    if (await password.isVisible()) await fillSignIn(page, admin());
    await heading(page, 'Inventory sync').waitFor();
    assert.equal(page.url(), href);

    const other = await context.newPage();
    await other.goto(href);
    await other.locator('#password').or(heading(other, 'Inventory sync')).first().waitFor();
    if (await other.locator('#password').isVisible()) await fillSignIn(other, admin());
    await badge(other, 'Running').waitFor();

    await own.lift(fault);
    await badge(page, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    await badge(other, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    await announced(page, /^Inventory sync: Succeeded\./);
    await page.locator('main').getByText(/^Synced 20 policies/).first().waitFor();
    assert.equal(await tab(page, /^All items \(\d+\)$/).getAttribute('aria-selected'), 'true');
    assert.equal(await button(page, 'Cancel run').count(), 0);
    await page.bringToFront();
    await check(page, 'run-succeeded');

    // It has ended: nobody asks for it again, though the frame goes on asking.
    const asked = [];
    page.on('request', (r) => new URL(r.url()).pathname.endsWith(`/runs/${runOf(page)}`) && asked.push(r.url()));
    await tab(page, 'Timeline').click();
    await page.waitForURL('**?tab=timeline');
    await page.getByText('A worker started it').waitFor();
    await check(page, 'run-timeline');
    await page.waitForRequest((r) => r.url().includes('/v1/runs?'), { timeout: 60_000 });
    assert.deepEqual(asked, [], 'an ended run is asked for again');
    await clean();
  });

  test('stops when asked to, which is asked once, and is started again', async () => {
    const fault = await slow(3000);
    const run = await start('/inventory-syncs');
    const { page, clean } = await open(`/runs/${run.id}`);
    await badge(page, 'Running').waitFor({ timeout: RUN_ENDS });
    const sent = posted(page, '/cancel');
    await button(page, 'Cancel run').click();
    await dialog(page).getByText('What is done stays done').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Keep running', 'the focus begins on the way out');
    await check(page, 'run-cancel');
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    assert.equal(sent.length, 0);
    await button(page, 'Cancel run').click();
    await dialog(page).getByRole('button', { name: 'Cancel run' }).dblclick();
    await badge(page, /Cancel(ing|ed)/).waitFor();
    await own.lift(fault);
    await badge(page, 'Canceled').waitFor({ timeout: RUN_ENDS });
    assert.equal(sent.length, 1, 'a double click asks once');
    await page.getByText(/ not touched$/).waitFor();
    await check(page, 'run-canceled');
    const starts = posted(page, '/inventory-syncs');
    await button(page, 'Start again').dblclick();
    await page.waitForURL((url) => url.pathname.includes('/runs/') && !url.pathname.endsWith(run.id));
    oneKey(starts);
    await badge(page, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    await clean();
  });

  let set;

  test('that failed in part begins with what needs attention, why, and what to do', async () => {
    const fault = await own.fault({ kind: 'read', path: '/deviceConfigurations', status: 403 });
    const script = await own.fault({ kind: 'read', path: '/deviceManagementScripts/', status: 400, code: 'BadRequest', extra: 'from outside' });
    const run = await own.run('/backup-sets', { name: `Nightly ${MARKUP}`, selection: { all: true } });
    set = run.backupSet.id;
    assert.equal(run.status, 'partial');
    await own.lift(fault);
    await own.lift(script);
    const { page, context, clean } = await open(`/runs/${run.id}`);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await heading(page, `Backup set “Nightly ${MARKUP}”`).waitFor();
    await badge(page, 'Partial').waitFor();
    await page.locator('main').getByText(run.sentence).first().waitFor();
    const attention = tab(page, `Needs attention (${run.counts.failed})`);
    assert.equal(await attention.getAttribute('aria-selected'), 'true', 'what needs attention comes first');
    for (const name of [MARKUP, RIGHT_TO_LEFT]) await row(page, name).waitFor();
    assert.equal(await page.locator('main [data-row]').count(), run.counts.failed);
    assert.equal(await page.locator('main img').count(), 0);
    await check(page, 'run-partial');

    // Reasons are of all items; the choice stands in the address.
    await button(page, /^Consent missing \d+$/).click();
    await page.waitForURL('**?reason=consent_missing');
    await row(page, SCRIPT).waitFor({ state: 'detached' });
    await page.goBack();
    await row(page, SCRIPT).waitFor();

    // n and p go through what needs attention; what is open stands in the address.
    await heading(page).focus();
    await page.keyboard.press('n');
    await page.keyboard.press('n');
    await page.waitForURL('**?item=*');
    await page.getByText('Next:').waitFor();
    await page.keyboard.press('p');
    await page.getByText(/Grant .*, then run it again\./).waitFor();
    await page.getByText(/HTTP 403 · Forbidden · consent_missing · 1 attempt/).waitFor();
    await button(page, 'Copy Graph request id').click();
    await announced(page, 'Graph request id copied');
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^[0-9a-f-]{36}$/);
    assert.equal(await page.getByText('from outside').count(), 0, 'text from outside is shown');
    await check(page, 'run-partial-open');
    await button(page, 'Copy link').click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), page.url());
    await page.keyboard.press('/');
    await page.keyboard.type('nothing has this name');
    await page.getByText('No items match this filter.').waitFor();
    await check(page, 'run-no-match');
    await button(page, 'Clear filters').first().click();
    await page.setViewportSize({ width: 390, height: 844 });
    await row(page, MARKUP).waitFor();
    assert.ok(await fits(page), 'the page is wider than a telephone');
    await check(page, 'run-partial-390');
    await page.setViewportSize({ width: 320, height: 640 });
    assert.ok(await fits(page), 'the page is wider than 320 px');
    await clean();
  });

  test('is done again for what is missing, by one double click, and says that a later one made up for it', async () => {
    const { items } = await (await fetch(`${stack.apiUrl}/v1/tenants/${own.id}/runs?operation=backup_set.create`, { headers: { Authorization: token } })).json();
    const { page, clean } = await open(`/runs/${items[0].id}`);
    const sent = posted(page, '/items');
    await button(page, 'Capture missing').dblclick();
    await page.waitForURL((url) => url.pathname.includes('/runs/') && !url.pathname.endsWith(items[0].id));
    oneKey(sent);
    await badge(page, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    await page.getByRole('link', { name: 'View set' }).click();
    await page.waitForURL(`**/sets/${set}`);
    await clean();
  });

  test('that failed as a whole says why, what to do, and is superseded by the next', async () => {
    // Of both: a token that was got before may still be good.
    const refused = await own.fault({ kind: 'read', status: 401 });
    const fault = await own.fault({ kind: 'token', status: 401, entraCode: 7000222, shape: 'entra' });
    const failed = await own.run('/inventory-syncs');
    assert.equal(failed.status, 'failed');
    await own.lift(fault);
    await own.lift(refused);
    const { page, clean } = await open(`/runs/${failed.id}`);
    await badge(page, 'Failed').waitFor();
    const notice = page.locator('main [data-notice=error]');
    await notice.getByText(failed.failure.sentence).waitFor();
    await notice.getByText('Next:').waitFor();
    await notice.getByText(failed.failure.code).waitFor();
    await check(page, 'run-failed');
    await button(page, 'Start again').click();
    await page.waitForURL((url) => url.pathname.includes('/runs/') && !url.pathname.endsWith(failed.id));
    await badge(page, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    const later = runOf(page);
    await page.goBack();
    await page.getByText('A later run did this with success.').waitFor();
    assert.ok((await page.locator('main [data-notice=success] a').getAttribute('href')).endsWith(`/runs/${later}`));
    await check(page, 'run-superseded');
    await clean();
  });

  test('of somebody else is announced as well, and its end moves nothing that was opened', async () => {
    const tenant = { id: own.id, name: own.name };
    const { page, context, clean } = await visit(browser, stack);
    const id = 'run_00000000000000000000000001';
    const done = (succeeded, changes) => madeUp(tenant, { id, counts: { total: 40, succeeded, failed: 0, skipped: 0 }, sentence: `Capturing ${succeeded} of 40 policies.`, can: {}, ...changes });
    let run = done(2);
    await context.route(`**/v1/tenants/*/runs/${id}`, (route) => route.fulfill({ json: run }));
    await context.route(`**/v1/tenants/*/runs/${id}/items?*`, (route) => route.fulfill({ json: { items: [], reasons: [] } }));
    await signIn(page, stack, admin(), `${own.path}/runs/${id}`);
    await page.getByText('Capturing 2 of 40 policies.').waitFor();
    run = done(21);
    await announced(page, 'Backup set “Made up”: 50 % done');
    run = done(21, { waiting: { code: 'graph_throttled', until: '2026-11-21T10:42:00Z' } });
    await announced(page, 'Backup set “Made up”: waiting for Microsoft Graph');
    await tab(page, 'Timeline').click();
    run = done(40, { status: 'succeeded', sentence: 'Captured 40 policies.', finishedAt: '2026-11-21T10:41:00Z', progress: { phase: 'ended', done: 40 } });
    await announced(page, /Succeeded\. Captured 40 policies\./);
    assert.equal(await tab(page, 'Timeline').getAttribute('aria-selected'), 'true');
    await clean();
  });
});

// A tenant of its own: what Microsoft asked for holds for all of its runs.
test('a run that waits for Microsoft Graph says so, until when, and can be canceled', async () => {
  const busy = await ownTenant(stack, token, `Busy ${Date.now() % 100_000}`);
  await busy.fault({ kind: 'read', status: 429, retryAfter: '900' });
  const run = await start('/inventory-syncs', {}, busy);
  const { page, clean } = await visit(browser, stack);
  await signIn(page, stack, admin(), `${busy.path}/runs/${run.id}`);
  await badge(page, 'Running – waiting').waitFor({ timeout: RUN_ENDS });
  await page.locator('main').getByText(/^Waiting for Microsoft Graph until/).first().waitFor();
  assert.equal(await page.getByText(/a minute$/).count(), 0, 'an estimate while nothing moves');
  await check(page, 'run-waiting');
  await button(page, 'Cancel run').click();
  await dialog(page).getByRole('button', { name: 'Cancel run' }).click();
  await badge(page, 'Canceled').waitFor({ timeout: RUN_ENDS });
  await busy.remove();
  await clean();
});

describe('what is not there', () => {
  const failing = `**/v1/tenants/*/runs/run_*`;

  test('loads, fails and comes back', async () => {
    const run = await start('/inventory-syncs');
    const { page, context, clean } = await visit(browser, stack, { expected: [/status of 500/] });
    let go;
    const gate = new Promise((resolve) => {
      go = resolve;
    });
    await context.route(failing, async (route) => {
      await gate;
      await route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'internal', status: 500, detail: 'A fault on our side; nothing was started. Try again.', requestId: 'req_run' }) });
    });
    await signIn(page, stack, admin(), `${own.path}/runs/${run.id}`);
    await page.locator('main [data-loading]').getByText('Loading…').waitFor({ state: 'attached' });
    await check(page, 'run-loading');
    go();
    await page.getByText('req_run').waitFor();
    await check(page, 'run-error');
    await context.unroute(failing);
    await button(page, 'Try again').click();
    await heading(page, 'Inventory sync').waitFor();
    await badge(page, 'Succeeded').waitFor({ timeout: RUN_ENDS });
    await clean();
  });

  test('is not in the tenant, or is of a tenant that one may not open', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 40[34]/] });
    await signIn(page, stack, stack.userWith({ contoso: 'viewer' }), `/t/${stack.tenant('contoso').id}/runs/run_01M80SKC0HK8T9XFRCZS1AYCQQ`);
    await page.getByText(/is not in contoso|not in the tenant/).first().waitFor();
    await axe(page, 'a run that is not there');
    await page.evaluate((to) => {
      history.pushState({}, '', to);
      dispatchEvent(new PopStateEvent('popstate'));
    }, `${own.path}/runs/run_01M80SKC0HK8T9XFRCZS1AYCQQ`);
    await page.getByText('You have no access to this tenant, or it does not exist. Ask an owner.').waitFor();
    await check(page, 'run-forbidden');
    await clean();
  });
});

test('a viewer reads it all, and is told what commands need', async () => {
  const tenant = stack.tenant('contoso');
  const id = 'run_00000000000000000000000001';
  const { page, context, clean } = await visit(browser, stack);
  let run = madeUp(tenant, { id, can: { cancel: { allowed: false, role: 'operator', items: 40 } } });
  await context.route(`**/v1/tenants/*/runs/${id}`, (route) => route.fulfill({ json: run }));
  await context.route(`**/v1/tenants/*/runs/${id}/items?*`, (route) => route.fulfill({ json: { items: [], reasons: [] } }));
  await signIn(page, stack, stack.userWith({ contoso: 'viewer' }), `/t/${tenant.id}/runs/${id}`);
  const cancel = button(page, 'Cancel run');
  await cancel.waitFor();
  assert.equal(await cancel.getAttribute('aria-disabled'), 'true');
  await cancel.focus(); // it can be reached, and says what it needs
  await page.getByText('Needs operator. Ask an owner.').first().waitFor();
  await cancel.click({ force: true });
  assert.equal(await dialog(page).count(), 0);
  await check(page, 'run-viewer');
  run = madeUp(tenant, {
    id, operation: 'restore.execute', status: 'partial', sentence: 'Restored 38 of 42 items. 2 failed, 2 skipped.', finishedAt: '2026-11-21T10:41:00Z',
    counts: { total: 42, succeeded: 38, failed: 2, skipped: 2 }, progress: { phase: 'ended', done: 42 },
    can: { rerun: { allowed: false, role: 'restorer', items: 4 }, undo: { allowed: false, role: 'operator', items: 38 } },
  });
  await badge(page, 'Partial').waitFor();
  for (const name of [/^Re-run/, /^Undo/]) assert.equal(await button(page, name).getAttribute('aria-disabled'), 'true');
  await page.getByText('Needs restorer. Ask an owner.').first().waitFor();
  await axe(page, 'a restore that a viewer reads');
  await clean();
});
