// What runs is seen from every page, and its end is noticed by everybody: by eye, by
// ear, and after a reload.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { announced, check, heading, launch, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { madeUp, tellOf } from './support/runs.js';

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const operator = () => stack.userWith({ contoso: 'operator' });
const home = () => `/t/${stack.tenant('contoso').id}`;
const bar = (page) => page.getByRole('region', { name: 'My active runs' });
const toasts = (page) => page.getByRole('region', { name: 'Messages' });

describe('a run', () => {
  test('is followed from its start to its end without touching the page', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), home());
    const main = page.locator('main');
    await main.getByRole('button', { name: 'Sync inventory' }).click();
    await main.getByText(/Queued\.|This is already running\./).waitFor();
    await bar(page).getByRole('link', { name: /Inventory sync/ }).waitFor();
    await toasts(page).getByText(/^Synced/).waitFor({ timeout: RUN_ENDS });
    await announced(page, /Inventory sync: Succeeded\. Synced/);
    const bell = page.getByRole('button', { name: /^Notifications, \d+ unread|^Notifications, more than 99 unread/ });
    await bell.waitFor();
    // Held a little, and gone by itself.
    await bar(page).waitFor({ state: 'detached', timeout: 20_000 });
    await toasts(page).waitFor({ state: 'detached', timeout: 20_000 });
    await clean();
  });

  test('is started once however often the button is pressed or the answer is lost', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/net::ERR_/] });
    await signIn(page, stack, operator(), home());
    const keys = [];
    const runs = [];
    await page.route('**/inventory-syncs', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      const answer = await route.fetch();
      runs.push((await answer.json()).id);
      if (keys.length < 3) await route.abort('connectionreset');
      else await route.fulfill({ response: answer });
    });
    const button = page.locator('main').getByRole('button', { name: 'Sync inventory' });
    await button.dblclick();
    await button.click();
    await page.locator('main').getByText(/Queued\.|This is already running\./).waitFor();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1, 'a repeated start had a new key');
    assert.equal(new Set(runs).size, 1, 'a repeated start made another run');
    await clean();
  });

  test('that cannot be started says why, and names the request', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 409/] });
    await signIn(page, stack, operator(), home());
    const tenant = stack.tenant('contoso');
    await page.route('**/inventory-syncs', (route) =>
      route.fulfill({
        status: 409, contentType: 'application/problem+json',
        body: JSON.stringify({
          code: 'conflict_active_run', status: 409, title: 'Conflict', detail: 'Inventory sync is already running with another selection. Wait for it or cancel it.',
          requestId: 'req_for_support', activeRun: { id: 'run_1', href: `/v1/tenants/${tenant.id}/runs/run_1`, operation: 'inventory.sync', status: 'running' },
        }),
      }),
    );
    await page.locator('main').getByRole('button', { name: 'Sync inventory' }).click();
    await page.locator('main').getByText('already running with another selection').waitFor();
    await page.getByText('req_for_support').waitFor();
    assert.match(await page.locator('main').getByRole('link', { name: 'View it' }).getAttribute('href'), /\/runs\/run_1$/);
    await announced(page, /already running with another selection/);
    await clean();
  });
});

describe('the activity bar', () => {
  test('shows runs of all tenants, says their milestones, and survives a reload', async () => {
    const tenant = stack.tenant('contoso');
    const { page, context, clean } = await visit(browser, stack);
    const other = { id: 'ten_elsewhere', name: 'مدير الأجهزة <b>' };
    const told = await tellOf(context, madeUp(tenant), madeUp(other, { id: 'run_00000000000000000000000002', operation: 'restore.execute', sentence: 'Waiting for Microsoft Graph.', waiting: { code: 'graph_throttled' } }));
    await signIn(page, stack, operator(), home());
    await bar(page).getByText('2 active runs').waitFor();
    await bar(page).getByRole('button', { name: 'Show active runs' }).click();
    await bar(page).getByText('Waiting for Microsoft Graph.').waitFor();
    assert.equal(await bar(page).getByRole('progressbar').count(), 2);
    await check(page, 'activity-open');
    for (const [done, percent] of [[10, 25], [20, 50], [31, 75]]) {
      told.set(madeUp(tenant, { counts: { succeeded: done }, sentence: `Capturing ${done} of 40 policies.` }));
      await announced(page, `Backup set “Made up”: ${percent} % done`);
    }
    await page.reload();
    const password = page.locator('#password');
    await password.or(page.locator('[data-account]')).first().waitFor();
    if (await password.isVisible()) await signIn(page, stack, operator(), home());
    await bar(page).getByText('2 active runs').waitFor();
    // Open, as it was left.
    await bar(page).getByText('Capturing 31 of 40 policies.').waitFor();
    await clean();
  });

  test('three ends at once are one message, and a failure stays', async () => {
    const tenant = stack.tenant('contoso');
    const { page, context, clean } = await visit(browser, stack);
    const ids = ['1', '2', '3'].map((n) => `run_0000000000000000000000000${n}`);
    const told = await tellOf(context, ...ids.map((id) => madeUp(tenant, { id })));
    await signIn(page, stack, operator(), home());
    await bar(page).getByText('3 active runs').waitFor();
    for (const id of ids) told.set(madeUp(tenant, { id, status: id.endsWith('3') ? 'failed' : 'succeeded', sentence: 'Ended.' }));
    await toasts(page).getByText('3 runs ended: 2 succeeded and 1 failed.').waitFor();
    await check(page, 'toast-failed');
    await bar(page).waitFor({ state: 'detached', timeout: 20_000 });
    await toasts(page).getByRole('button', { name: 'Dismiss' }).click();
    await toasts(page).waitFor({ state: 'detached' });
    await clean();
  });
});

describe('notifications', () => {
  test('tell of an end in the bell and on their page, until they are read', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), home());
    const bell = page.getByRole('button', { name: /^Notifications/ });
    await page.getByRole('button', { name: /^Notifications, / }).waitFor();
    await bell.click();
    const panel = page.getByRole('dialog', { name: 'Notifications' });
    await panel.getByRole('link', { name: /^View run/ }).first().waitFor();
    const behind = await page.evaluate(() => document.elementFromPoint(700, 80)?.closest('main') !== null);
    assert.ok(behind, 'the panel covers the whole page');
    await check(page, 'bell-open');
    await panel.getByRole('link', { name: 'All notifications' }).click();
    await heading(page, 'Notifications').waitFor();
    await check(page, 'notifications');
    await page.getByRole('button', { name: 'Unread', exact: true }).click();
    await page.waitForURL('**/notifications?show=unread');
    await page.locator('main').getByRole('button', { name: 'Mark all as read' }).click();
    await page.getByText('Nothing is unread.').waitFor();
    await page.getByText('No notifications match this filter.').waitFor();
    await page.getByRole('button', { name: 'Notifications', exact: true }).waitFor();
    await check(page, 'notifications-none-unread');
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await page.getByRole('link', { name: /^View run/ }).first().click();
    await page.waitForURL('**/runs/run_*');
    await clean();
  });
});
