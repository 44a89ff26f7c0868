// The list of runs: what is chosen stands in the address, what is new waits, what is
// hostile is text.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { check, fits, heading, launch, readStack, signIn, visit } from './support.js';
import { madeUp } from './support/runs.js';

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const path = () => `/t/${stack.tenant('contoso').id}/runs`;
const operator = () => stack.userWith({ contoso: 'operator' });
const rows = (page) => page.locator('main [data-row]');
const list = '**/v1/tenants/*/runs?*';

describe('filters', () => {
  test('stand in the address, go back step by step, and are cleared at once', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), path());
    await rows(page).first().waitFor();
    await check(page, 'runs');
    await page.getByRole('button', { name: 'Operation' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Inventory sync' }).click();
    await page.waitForURL('**/runs?op=inventory.sync');
    await page.getByRole('menuitemcheckbox', { name: 'Capture' }).click();
    await page.waitForURL('**/runs?op=inventory.sync&op=policy.capture_snapshot');
    await check(page, 'runs-filter-open');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Canceled' }).click();
    await page.keyboard.press('Escape');
    await page.getByText('No runs match these 2 filters.').waitFor();
    await check(page, 'runs-no-match');
    await page.goBack();
    await rows(page).first().waitFor();
    assert.equal(new URL(page.url()).search, '?op=inventory.sync&op=policy.capture_snapshot');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForURL((url) => url.search === '');
    await clean();
  });

  test('that nobody knows are left aside', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), `${path()}?status=nonsense&status=succeeded&evil=%3Cscript%3E&superseded=maybe`);
    await rows(page).first().waitFor();
    await page.getByRole('button', { name: 'Status: Succeeded' }).waitFor();
    await clean();
  });
});

test('new runs wait until they are asked for; known ones change in place', async () => {
  const tenant = stack.tenant('contoso');
  const { page, context, clean } = await visit(browser, stack);
  const run = (n, changes) => madeUp(tenant, { id: `run_0000000000000000000000000${n}`, target: { kind: 'backup_set', id: 's', name: `Set ${n}` }, ...changes });
  let items = [run(1, { sentence: 'Capturing 1 of 40 policies.' })];
  await context.route(list, (route) => route.fulfill({ json: { items } }));
  await signIn(page, stack, operator(), path());
  await rows(page).getByText('Capturing 1 of 40 policies.').waitFor();
  items = [run(3), run(2), run(1, { sentence: 'Capturing 9 of 40 policies.' })];
  await page.getByRole('button', { name: '2 new runs' }).waitFor();
  await rows(page).getByText('Capturing 9 of 40 policies.').waitFor();
  assert.equal(await rows(page).count(), 1, 'rows moved under the pointer');
  await page.getByRole('button', { name: '2 new runs' }).click();
  assert.deepEqual(await rows(page).getByRole('link').allTextContents(), [3, 2, 1].map((n) => `Backup set “Set ${n}”`));
  await clean();
});

test('a failure can be tried again, and names the request', async () => {
  const { page, context, clean } = await visit(browser, stack, { expected: [/status of 500/] });
  await context.route(list, (route) =>
    route.fulfill({
      status: 500, contentType: 'application/problem+json',
      body: JSON.stringify({ code: 'internal', status: 500, detail: 'A fault on our side; nothing was started. Try again.', requestId: 'req_for_support' }),
    }),
  );
  await signIn(page, stack, operator(), path());
  await page.getByText('req_for_support').waitFor();
  await heading(page, 'Runs').waitFor();
  await check(page, 'runs-error');
  await context.unroute(list);
  await page.getByRole('button', { name: 'Try again' }).click();
  await rows(page).first().waitFor();
  await clean();
});

test('a tenant without runs says what to do first, and a slow answer shows that it comes', async () => {
  const { page, context, clean } = await visit(browser, stack);
  let answer;
  const answered = new Promise((resolve) => {
    answer = resolve;
  });
  await context.route(list, async (route) => {
    await answered;
    await route.fulfill({ json: { items: [] } });
  });
  await signIn(page, stack, operator(), path());
  await page.locator('main [data-loading]').getByText('Loading…').waitFor({ state: 'attached' });
  await check(page, 'runs-loading');
  answer();
  await page.getByText('No run yet.').waitFor();
  await page.getByRole('button', { name: 'Sync inventory' }).waitFor();
  await check(page, 'runs-never');
  await clean();
});

test('hostile names are the text they are', async () => {
  const tenant = stack.tenant('contoso');
  const names = [
    `<img src=x onerror="document.title='taken'">\u202Eegnahc${'x'.repeat(460)}`, 'مدير الأجهزة (كشك)', '🏳️‍🌈 👩‍👩‍👧‍👦 Wi‑Fi', `${'word '.repeat(60)}`.trim(),
  ];
  const { page, context, clean } = await visit(browser, stack);
  await context.route(list, (route) =>
    route.fulfill({
      json: {
        items: names.map((name, i) =>
          madeUp(tenant, {
            id: `run_0000000000000000000000000${i}`, status: 'partial', finishedAt: '2026-11-21T10:33:00Z', operation: 'policy.capture_snapshot',
            target: { kind: 'policy', id: 'p', name }, sentence: `Captured "${name}" in part.`, initiator: { name, userId: 'u' },
          }),
        ),
      },
    }),
  );
  await signIn(page, stack, operator(), path());
  await rows(page).first().waitFor();
  const shown = await rows(page).locator('a bdi').allTextContents();
  assert.deepEqual(shown, names);
  assert.equal(await page.locator('main img').count(), 0);
  assert.notEqual(await page.title(), 'taken');
  assert.ok(await fits(page), 'a long name widens the page');
  await check(page, 'runs-hostile');
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await fits(page), 'a long name widens a narrow page');
  await check(page, 'runs-hostile-320');
  await clean();
});
