// Schedules and what they find: made with the next times in sight, paused, changed,
// removed; a firing that finds drift; drift reviewed and marked as expected.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { fire, go, newTenant, until } from './support/admin.js';
import { announced, check, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';

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

describe('schedules', () => {
  test('are made with the next three times in sight, paused, changed and removed', { timeout: 2 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: `Schedules ${MARKUP}` });
    const { page, clean } = await visit(browser, stack, { timezoneId: 'Europe/Berlin', expected: [/412|422/] });
    await signIn(page, stack, user('owner'), `${tenant.page}/schedules`);
    await page.locator('[data-empty=never]', { hasText: 'Nothing runs by itself.' }).waitFor();
    await check(page, 'schedules-never');
    await page.getByRole('link', { name: 'New schedule' }).click();
    await heading(page, 'New schedule').waitFor();
    assert.match(page.url(), /edit=new/);
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');

    // What the API computes, in the zone that was chosen.
    const times = page.locator('[data-next-times]');
    await times.locator('li').nth(2).waitFor();
    assert.equal(await page.getByLabel('Time zone').inputValue(), 'Europe/Berlin');
    for (const text of await times.locator('li').allInnerTexts()) assert.match(text, /\d{4}, 02:00$/);
    await check(page, 'schedule-new');

    // Faults are marked where they are.
    await page.getByLabel('Name').fill('');
    await page.getByRole('button', { name: 'Create schedule' }).click();
    await page.locator('main').getByText('Enter a name.', { exact: true }).waitFor();
    await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true');
    await page.getByLabel('How often').selectOption('custom');
    await page.getByLabel('Expression').fill('cron(0 2 * *)');
    await times.getByText(/six fields/).waitFor();
    await check(page, 'schedule-fault');
    await page.getByLabel('How often').selectOption('weekly');
    await page.getByLabel('Time', { exact: true }).fill('06:30');
    for (const day of ['Tuesday', 'Wednesday', 'Thursday', 'Friday']) await page.getByLabel(day).uncheck();
    await until('three Mondays', async () => (await times.locator('li').allInnerTexts()).filter((text) => /^Mon.*06:30$/.test(text)).length === 3, 15_000);

    // Leaving asks, since something would be lost.
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: 'Schedules' }).click();
    await page.getByRole('alertdialog').getByRole('button', { name: 'Stay' }).click();
    await page.getByLabel('Name').fill('Monday 🌙 backup');
    await page.getByRole('button', { name: 'Create schedule' }).dblclick();
    const row = page.locator('[data-row]', { hasText: 'Monday 🌙 backup' });
    await row.getByText('Mon 06:30').waitFor();
    assert.equal((await tenant.ask('GET', `${tenant.path}/schedules`)).items.length, 1, 'a double click made two');
    await row.getByText('Europe/Berlin').waitFor();
    await check(page, 'schedules');

    await row.getByRole('button', { name: 'Pause' }).click();
    await row.getByText('Paused by Olivia Owner').or(row.getByText(/^Paused/)).first().waitFor();
    await announced(page, 'Monday 🌙 backup is paused');
    await check(page, 'schedules-paused');
    await row.getByRole('button', { name: 'Resume' }).click();
    await row.getByRole('button', { name: 'Pause' }).waitFor();

    await row.getByRole('link', { name: 'Monday 🌙 backup' }).click();
    await heading(page, 'Monday 🌙 backup').waitFor();
    assert.ok(await page.getByLabel('Monday').isChecked());
    assert.equal(await page.getByLabel('Time', { exact: true }).inputValue(), '06:30');
    await page.getByText('It was not due yet.').waitFor();
    await page.getByLabel('How often').selectOption('hours');
    await page.getByLabel('Hours between two starts').selectOption('4');

    // Somebody else was quicker: nothing is overwritten.
    const [schedule] = (await tenant.ask('GET', `${tenant.path}/schedules`)).items;
    await tenant.ask('PATCH', `${tenant.path}/schedules/${schedule.id}`, { name: 'Renamed elsewhere' });
    await page.getByRole('button', { name: 'Save changes' }).click();
    await page.getByRole('alert').getByText('Someone changed this since you opened it.').waitFor();
    await page.getByRole('alert').getByRole('button', { name: 'Try again' }).click();
    await page.waitForFunction(() => [...document.querySelectorAll('input')].some((i) => i.value === 'Renamed elsewhere'));
    await page.getByLabel('How often').selectOption('hours');
    await page.getByLabel('Hours between two starts').selectOption('4');
    await page.getByRole('button', { name: 'Save changes' }).click();
    const renamed = page.locator('[data-row]', { hasText: 'Renamed elsewhere' });
    await renamed.getByText('Every 4 hours').waitFor();

    await renamed.getByRole('button', { name: 'Remove…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Remove the schedule “Renamed elsewhere”?' });
    await dialog.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Cancel', 'the focus begins on the way out');
    await check(page, 'schedules-remove');
    await dialog.getByRole('button', { name: 'Remove schedule' }).click();
    await page.locator('[data-empty=never]').waitFor();
    assert.deepEqual((await tenant.ask('GET', `${tenant.path}/schedules`)).items, []);
    await clean();
  });

  test('are read by everybody and changed by owners', async () => {
    const tenant = await tenantOf({ name: 'Only owners', members: { viewer: user('viewer') } });
    const { id } = await tenant.ask('POST', `${tenant.path}/schedules`, { name: 'Nightly', operation: 'backup_set.create', expression: 'cron(0 2 * * ? *)', timeZone: 'UTC', selection: { platforms: ['macOS', 'iOS'] } });
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, user('viewer'), `${tenant.page}/schedules`);
    const row = page.locator('[data-row]', { hasText: 'Nightly' });
    await row.getByText(/^(macOS and iOS|iOS and macOS)$/).waitFor();
    assert.equal(await row.getByRole('button', { name: 'Pause' }).getAttribute('aria-disabled'), 'true');
    await row.getByRole('button', { name: 'Pause' }).click({ force: true });
    await page.getByRole('button', { name: 'New schedule' }).waitFor();
    await page.getByText('Needs owner. Ask an owner.').first().waitFor();
    await check(page, 'schedules-viewer');
    await row.getByRole('link', { name: 'Nightly' }).click();
    await page.getByText('Only owners change schedules.').waitFor();
    await check(page, 'schedule-viewer');
    await go(page, `${tenant.page}/schedules?edit=new`);
    await heading(page, 'New schedule').waitFor();
    await page.getByText('Needs owner. Ask an owner.').waitFor();
    assert.equal((await tenant.ask('GET', `${tenant.path}/schedules/${id}`)).state, 'active');
    await clean();
  });
});

describe('drift', () => {
  test('that a firing finds is compared, taken back or marked as expected', { timeout: 4 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: 'Drift GmbH', policies: ['Win – Firewall', MARKUP, 'Stays as it is'], members: { operator: user('operator'), viewer: user('viewer') } });
    await tenant.start('inventory-syncs', { types: ['settings-catalog-policy'] });
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, user('operator'), `${tenant.page}/drift`);
    await page.locator('[data-empty=never]', { hasText: 'Needs a schedule.' }).waitFor();
    await check(page, 'drift-never');

    const schedule = await tenant.ask('POST', `${tenant.path}/schedules`, {
      name: 'Nightly', operation: 'backup_set.create', expression: 'cron(0 2 * * ? *)', timeZone: 'UTC', selection: { types: ['settings-catalog-policy'] },
    });
    const runs = async () => (await tenant.ask('GET', `${tenant.path}/runs?operation=backup_set.create`)).items;
    await fire(stack, tenant, schedule.id, new Date(Date.now() - 3_600_000));
    await tenant.ended((await until('the first firing', async () => (await runs())[0])).id);
    await tenant.touch('Win – Firewall');
    await tenant.touch(MARKUP);
    await fire(stack, tenant, schedule.id, new Date(Date.now() - 60_000));
    const second = await until('the second firing', async () => ((await runs()).length > 1 ? (await runs())[0] : null));
    assert.equal((await tenant.ended(second.id)).totals.drift, 2);

    // The schedule says what became of each time.
    await go(page, `${tenant.page}/schedules?edit=${schedule.id}`);
    const firings = page.getByRole('table', { name: 'What became of each time' });
    await until('two firings', async () => (await firings.getByRole('row', { name: /Succeeded.*Captured 3 policies/ }).count()) === 2, 40_000);

    await go(page, `${tenant.page}/drift`);
    await page.getByText('2 changes are not marked as expected.').waitFor({ timeout: 40_000 });
    const row = page.locator('[data-row]', { hasText: 'Win – Firewall' });
    await row.getByText('1 setting').waitFor();
    await page.locator('[data-row]', { hasText: MARKUP }).waitFor();
    await row.getByRole('button', { name: 'Details' }).click();
    await page.locator('[data-drift-details]', { hasText: 'Version 1 before, version 2 after.' }).waitFor();
    assert.match(page.url(), /item=/);
    await check(page, 'drift');
    const restore = new URL(await row.getByRole('link', { name: 'Restore this…' }).getAttribute('href'), stack.consoleUrl);
    assert.deepEqual([restore.pathname, restore.searchParams.get('v')], [`${tenant.page}/restore`, '1']);
    const compare = new URL(await row.getByRole('link', { name: 'Compare' }).getAttribute('href'), stack.consoleUrl);
    assert.deepEqual([compare.searchParams.get('from'), compare.searchParams.get('to')], ['1', '2']);

    // Filters, kept in the address and under a name.
    await page.getByRole('searchbox', { name: 'Policy name' }).fill('firewall');
    await page.waitForURL(/q=firewall/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1);
    await page.locator('[data-saved-filters]').click();
    await page.getByRole('menuitem', { name: 'Save these filters…' }).click();
    await page.getByRole('dialog', { name: 'Save filters' }).getByLabel('Name').fill('Only firewalls');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Saved filters: Only firewalls' }).waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 2);
    await page.getByRole('searchbox', { name: 'Policy name' }).fill('no such policy');
    await page.locator('[data-empty=filter]', { hasText: 'No changes match this filter.' }).waitFor();
    await check(page, 'drift-no-match');
    await page.locator('[data-saved-filters]').click();
    await check(page, 'drift-saved-filters');
    await page.getByRole('menuitemradio', { name: 'Only firewalls' }).click();
    await page.waitForURL(/q=firewall/);
    await row.waitFor();
    assert.equal(await page.getByRole('searchbox', { name: 'Policy name' }).inputValue(), 'firewall');
    await page.locator('[data-saved-filters]').click();
    await page.getByRole('menuitem', { name: 'Remove saved filters…' }).click();
    await page.getByRole('dialog', { name: 'Remove saved filters' }).getByRole('button', { name: /^Remove/ }).click();
    await page.getByRole('dialog').getByText('No filter is saved yet.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    await page.getByRole('button', { name: 'Clear filters' }).click();

    // One by its button, one by selecting; what was marked stays in its place.
    await row.getByRole('button', { name: 'Mark as expected' }).click();
    await row.getByText(/^Expected, /).waitFor();
    await announced(page, 'Win – Firewall is marked as expected');
    await page.getByLabel(`Select ${MARKUP}`).check();
    await page.getByRole('button', { name: 'Mark 1 as expected' }).click();
    await page.locator('[data-row]', { hasText: MARKUP }).getByText(/^Expected, /).waitFor();
    await page.getByText('Nothing changed that is not marked as expected.').waitFor({ timeout: 40_000 });
    await check(page, 'drift-marked');
    assert.equal((await tenant.ask('GET', `${tenant.path}/drift`)).items.length, 0);
    await page.getByRole('group', { name: 'Show' }).getByRole('button', { name: 'All' }).click();
    await page.waitForURL(/seen=all/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 2);
    await page.getByRole('group', { name: 'Show' }).getByRole('button', { name: 'Open' }).click();
    await page.locator('[data-empty=never]', { hasText: 'Nothing is open.' }).waitFor();

    // What the reader is told of, kept by the API.
    await page.getByRole('switch', { name: 'When a scheduled backup finds changes' }).check();
    await announced(page, 'Saved');
    await go(page, `${tenant.page}/members`);
    await heading(page, 'Members').waitFor();
    await go(page, `${tenant.page}/drift`);
    await page.getByRole('switch', { name: 'When a scheduled backup finds changes', checked: true }).waitFor();
    await page.getByRole('switch', { name: 'When a scheduled run fails or ends with gaps', checked: false }).waitFor();
    await clean();

    // A viewer reads and marks nothing.
    const other = await visit(browser, stack, { viewport: { width: 390, height: 844 } });
    await signIn(other.page, stack, user('viewer'), `${tenant.page}/drift?seen=all`);
    await other.page.locator('[data-row]').nth(1).waitFor();
    assert.equal(await other.page.getByRole('checkbox').count(), 0);
    assert.ok(await fits(other.page), 'wider than 390');
    await picture(other.page, 'drift-390-light');
    await other.page.setViewportSize({ width: 320, height: 700 });
    await go(other.page, `${tenant.page}/schedules`);
    await heading(other.page, 'Schedules').waitFor();
    await other.page.locator('[data-row]').waitFor();
    assert.ok(await fits(other.page), 'wider than 320');
    await other.clean();
  });

  test('that cannot be read or marked says so', async () => {
    const { page, context, clean } = await visit(browser, stack, { expected: [/50[03]/] });
    const found = {
      id: 'drift_1', kind: 'vanished', policyId: 'pol_1', name: 'سياسة كلمة المرور', type: 'settings-catalog-policy', typeTitle: 'Settings catalog', fromVersion: 3,
      foundAt: '2026-11-20T02:00:00Z', runId: 'run_1', scheduleId: 'sch_1', changes: [],
    };
    let answer = problem(503, 'unavailable', 'The service is busy. Try again in 5 seconds.');
    await context.route(/\/drift(\?|\/)/, (route) =>
      route.request().method() === 'POST' ? route.fulfill(problem(500, 'internal', 'A fault on our side; nothing was started. Try again.')) : route.fulfill(answer),
    );
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}/drift`);
    await page.getByText('The service is busy.').waitFor();
    await page.getByText('req_test_1').waitFor();
    await check(page, 'drift-error');
    answer = { json: { items: [found] } };
    await page.getByRole('button', { name: 'Try again' }).click();
    const row = page.locator('[data-row]', { hasText: found.name });
    await row.getByText('No longer in the tenant').waitFor();
    assert.equal(await row.getByRole('link', { name: 'Compare' }).count(), 0);
    await row.getByRole('button', { name: 'Mark as expected' }).click();
    await row.getByText('A fault on our side').waitFor();
    await check(page, 'drift-mark-failed');
    await clean();
  });
});
