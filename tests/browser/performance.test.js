// Large runs and long lists: every step of those who work with them is answered at
// once, whatever the size.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { LONG } from './support/policies.js';
import { itemsOf, madeUp } from './support/runs.js';
import { blockedBy } from './support/trace.js';
import { fits, launch, picture, readStack, signIn, visit } from './support.js';

const MOST = 200; // ms that a step may keep the page from answering

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const row = (page, name) => page.locator('main [data-row]').filter({ hasText: name });
const button = (page, name) => page.locator('main').getByRole('button', { name });
const operator = () => stack.userWith({ contoso: 'operator' });

// steps measures one after the other; each is [name, what is done, what shows that it is done].
async function steps(page, list) {
  const took = {};
  for (const [name, act, shown] of list) {
    took[name] = await blockedBy(browser, page, async () => {
      await act();
      await shown();
    });
  }
  console.log(JSON.stringify(took));
  for (const [name, { blocked }] of Object.entries(took)) assert.ok(blocked < MOST, `${name} kept the page from answering for ${blocked} ms`);
}

describe('no step blocks', { concurrency: 1 }, () => {
  test('which the trace would show', async () => {
    const { page, clean } = await visit(browser, stack);
    await page.goto(stack.consoleUrl);
    const idle = await blockedBy(browser, page, () => page.evaluate(() => 1));
    const loop = await blockedBy(browser, page, () =>
      page.evaluate(() => {
        for (const end = performance.now() + 400; performance.now() < end; );
      }),
    );
    assert.ok(idle.blocked < MOST && loop.blocked >= MOST, JSON.stringify({ idle, loop }));
    await clean();
  });

  test('on a run of five thousand items', async () => {
    const tenant = stack.tenant('contoso');
    const id = 'run_00000000000000000000005000';
    const codes = ['consent_missing', 'graph_unavailable', 'not_found_in_tenant'];
    const items = Array.from({ length: 5000 }, (_, i) => {
      const failed = i % 10 === 0;
      const name = i % 500 === 0 ? `${LONG} ${i}` : `Policy ${i}`;
      return {
        key: `pol_${i}`, kind: 'policy', name, type: 'device-configuration', status: failed ? 'failed' : 'succeeded', needsAttention: failed, attempts: 1, at: '2026-11-21T10:31:02Z',
        ...(failed ? { code: codes[(i / 10) % 3], sentence: 'It could not be read.', next: 'Run it again.' } : { version: 1 }),
      };
    });
    const { page, context, clean } = await visit(browser, stack);
    const run = madeUp(tenant, { id, status: 'partial', sentence: 'Captured 4,500 of 5,000 policies. 500 failed.', can: {}, finishedAt: '2026-11-21T10:41:00Z', counts: { total: 5000, succeeded: 4500, failed: 500, skipped: 0 }, progress: { phase: 'ended', done: 5000 } });
    await context.route(`**/v1/tenants/*/runs/${id}`, (route) => route.fulfill({ json: run }));
    await context.route(`**/v1/tenants/*/runs/${id}/items?*`, (route) => route.fulfill({ json: itemsOf(route.request().url(), items) }));
    await signIn(page, stack, operator(), `/t/${tenant.id}/runs`);
    await page.locator('main [data-row]').first().waitFor();
    const tab = (name) => page.getByRole('tab', { name });
    await steps(page, [
      ['opening it', () => page.evaluate((to) => {
        history.pushState({}, '', to);
        dispatchEvent(new PopStateEvent('popstate'));
      }, `/t/${tenant.id}/runs/${id}`), () => row(page, 'Policy 10').first().waitFor()],
      ['an item', () => row(page, 'Policy 10').first().getByRole('button').click(), () => page.getByText('Run it again.').waitFor()],
      ['a reason', () => button(page, 'Graph unavailable 167').click(), () => page.waitForURL('**reason=graph_unavailable*')],
      ['all items', () => tab('All items (5,000)').click(), () => row(page, 'Policy 99').first().waitFor()],
      ['the next page', () => button(page, 'Next page').click(), () => row(page, 'Policy 101').first().waitFor()],
      ['a search', () => page.getByRole('searchbox').fill('Policy 4999'), () => page.getByText('1 item', { exact: true }).waitFor()],
      ['clearing it', () => button(page, 'Clear filters').click(), () => row(page, 'Policy 99').first().waitFor()],
    ]);
    assert.equal(await page.locator('main [data-row]').count(), 100);
    assert.ok(await fits(page));
    await picture(page, 'run-5000');
    await clean();
  });

  test('on the list of ten thousand runs', async () => {
    const tenant = stack.tenant('contoso');
    const all = Array.from({ length: 10_000 }, (_, i) =>
      madeUp(tenant, {
        id: `run_${String(i).padStart(26, '0')}`, status: ['succeeded', 'partial', 'failed'][i % 3], sentence: `Captured ${i} of 10,000 policies.`, finishedAt: '2026-11-21T10:41:00Z',
        target: { kind: 'backup_set', id: `set_${i}`, name: i % 100 === 0 ? `${LONG} ${i}` : `Set ${i}` },
      }),
    );
    const { page, context, clean } = await visit(browser, stack);
    await context.route('**/v1/tenants/*/runs?*', (route) => {
      const { searchParams: asked } = new URL(route.request().url());
      const wanted = all.filter((r) => asked.getAll('status').length === 0 || asked.getAll('status').includes(r.status));
      const from = Number(asked.get('pageToken') ?? 0);
      const size = Number(asked.get('pageSize') ?? 50);
      return route.fulfill({ json: { items: wanted.slice(from, from + size), ...(from + size < wanted.length ? { nextPageToken: String(from + size) } : {}) } });
    });
    await context.route('**/run-counts', (route) => route.fulfill({ json: { active: 0, newest: 10_000, statuses: { succeeded: 3334, partial: 3333, failed: 3333 }, more: false } }));
    await signIn(page, stack, operator(), `/t/${tenant.id}/policies`);
    await page.locator('main [data-row]').first().waitFor();
    await steps(page, [
      ['opening it', () => page.locator('nav').getByRole('link', { name: 'Runs' }).first().click(), () => row(page, 'Set 1').first().waitFor()],
      ['the next page', () => button(page, 'Next page').click(), () => row(page, 'Set 51').first().waitFor()],
      ['the one after', () => button(page, 'Next page').click(), () => row(page, 'Set 101').first().waitFor()],
      ['the choice of a status', () => button(page, 'Status').click(), () => page.getByRole('menuitemcheckbox', { name: /^Failed/ }).waitFor()],
      ['a status', () => page.getByRole('menuitemcheckbox', { name: /^Failed/ }).click(), () => row(page, 'Set 2').first().waitFor()],
      ['clearing it', async () => {
        await page.keyboard.press('Escape');
        await button(page, 'Clear filters').click();
      }, () => row(page, 'Set 1').first().waitFor()],
      ['by keyboard', async () => {
        for (let i = 0; i < 20; i++) await page.keyboard.press('j');
      }, () => page.waitForFunction(() => document.activeElement?.closest('[data-row]'))],
    ]);
    assert.equal(await page.locator('main [data-row]').count(), 50);
    assert.ok(await fits(page));
    await clean();
  });
});
