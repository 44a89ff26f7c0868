// The pages of backup sets in a real browser, against a running local stack: a set
// of the whole tenant with its progress, a second one, what changed between them,
// what a set lacks, and the way back from deleting one.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { announced, check, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { GONE, MARKUP, ownTenant, SCRIPT, scriptAfter, tokenOf } from './support/policies.js';

const BASELINE = 'Baseline <b>before</b> 24H2';
const SECOND = 'After 24H2';

let stack;
let browser;
let own;

before(async () => {
  stack = readStack();
  browser = await launch();
  const { page, clean } = await visit(browser, stack);
  own = await ownTenant(stack, await tokenOf(page, stack, admin()), `Sets ${Date.now() % 100_000}`);
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
const go = async (page, path) => {
  await page.evaluate((to) => {
    history.pushState({}, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, own.path + path);
};
const badge = (page, word) => page.locator('main [data-status]').getByText(word, { exact: true });
const openSet = async (page, name) => {
  await go(page, '/sets');
  await row(page, name).getByRole('link', { name }).click();
  await heading(page, name).waitFor();
};

describe('backup sets', () => {
  test('begin with one of the whole tenant, which exists at once and shows how it is filled', async () => {
    const { page, clean } = await open('/sets');
    await page.getByText('No backup yet.').waitFor();
    await check(page, 'sets-never');
    await page.getByRole('link', { name: 'New backup set' }).click();
    await page.getByText('Step 1 of 2: What to back up').waitFor();
    await page.getByText('Not synced yet. A set of the whole tenant lists it first.').waitFor();
    await check(page, 'set-new');
    await page.getByRole('button', { name: 'Next' }).click();
    await page.waitForURL('**?step=options');
    assert.equal(await page.getByRole('textbox', { name: 'Name' }).inputValue(), `${own.name} ${new Date().toISOString().slice(0, 10)}`);
    await page.getByRole('textbox', { name: 'Name' }).fill('');
    await page.getByRole('button', { name: 'Create set of the whole tenant' }).click();
    await page.getByText('A set needs a name.').waitFor();
    await check(page, 'set-new-options');
    await page.getByRole('textbox', { name: 'Name' }).fill(BASELINE);
    await page.getByRole('textbox', { name: 'Note' }).fill('CHG0049120');
    const keys = new Set();
    page.on('request', (r) => r.method() === 'POST' && r.url().endsWith('/backup-sets') && keys.add(r.headers()['idempotency-key']));
    await page.getByRole('button', { name: 'Create set of the whole tenant' }).dblclick();
    await page.waitForURL('**/sets/set_*');
    await heading(page, BASELINE).waitFor();
    assert.equal(await page.title(), `${BASELINE} – ${own.name} – TenantAtlas`);
    await page.getByRole('progressbar', { name: 'Capturing' }).waitFor();
    await picture(page, 'set-progress-light');
    await badge(page, 'Complete').waitFor({ timeout: RUN_ENDS });
    assert.equal(keys.size, 1, 'a double click makes one set');
    await page.getByText(/^All 20 policies were captured whole\. \d policies are kept and compared, not written back\./).waitFor();
    await row(page, MARKUP).getByText('Version 1').waitFor();
    await check(page, 'set');
    await clean();
  });

  test('hold those of a type, with a running count, and say what they lack', async () => {
    const { page, clean } = await open('/sets/new?from=filter');
    await page.getByText('Nothing is chosen yet.').waitFor();
    await page.getByRole('button', { name: 'Type' }).click();
    await page.getByRole('menuitemcheckbox', { name: /^Custom profile \(OMA-URI\)/ }).click();
    await page.keyboard.press('Escape');
    await page.getByText('5 policies in this set.').waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Custom profiles');
    await page.getByRole('button', { name: 'Create set of 5' }).click();
    await heading(page, 'Custom profiles').waitFor();
    await badge(page, 'Complete').waitFor({ timeout: RUN_ENDS });
    await page.getByText(/types of the tenant are not in this set\./).waitFor();
    await page.getByRole('tab', { name: /^Coverage/ }).click();
    await row(page, 'Settings catalog').getByText('Not in this set').waitFor();
    await check(page, 'set-coverage');
    await row(page, 'Settings catalog').getByRole('button', { name: 'Add Settings catalog' }).click();
    await announced(page, /Queued|already running/);
    await row(page, 'Settings catalog').waitFor({ state: 'detached', timeout: RUN_ENDS });
    await page.getByRole('tab', { name: 'Runs' }).click();
    await page.locator('[data-row]').filter({ hasText: 'Addition to a backup set' }).waitFor();
    assert.equal(await page.locator('[data-row]').count(), 2);
    await check(page, 'set-runs');
    await clean();
  });

  test('take more policies, chosen by name', async () => {
    const { page, clean } = await open('/sets');
    await row(page, 'Custom profiles').getByRole('link', { name: 'Custom profiles' }).click();
    await page.getByRole('button', { name: 'Add policies…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('searchbox').fill('clean up');
    await dialog.getByText('1 policy', { exact: true }).waitFor();
    await dialog.getByRole('checkbox', { name: `Select ${SCRIPT}` }).check();
    await check(page, 'set-add');
    await dialog.getByRole('button', { name: 'Add 1 policy' }).click();
    await dialog.waitFor({ state: 'detached' });
    await row(page, SCRIPT).getByText(/^Version \d/).waitFor({ timeout: RUN_ENDS });
    await clean();
  });

  test('of chosen policies come from the list of policies', async () => {
    const { page, clean } = await open('/policies');
    for (const name of [SCRIPT, MARKUP]) await row(page, name).getByRole('checkbox').check();
    await page.getByRole('button', { name: 'Add to backup set…' }).click();
    await page.getByRole('dialog').getByRole('combobox', { name: 'Backup set' }).waitFor();
    await check(page, 'policies-add');
    await page.getByRole('dialog').getByRole('link', { name: 'New backup set' }).click();
    await page.getByText('2 policies chosen.').waitFor();
    await page.getByRole('textbox', { name: 'Name' }).fill('Two');
    await page.getByRole('checkbox', { name: 'Capture now' }).uncheck();
    await page.getByRole('button', { name: 'Create set of 2' }).click();
    await heading(page, 'Two').waitFor();
    await badge(page, 'Complete').waitFor();
    for (const name of [SCRIPT, MARKUP]) await row(page, name).waitFor();
    assert.equal(await page.locator('[data-row]').count(), 2);
    await clean();
  });

  test('say what is missing and why, and capture it again', async () => {
    const fault = await own.fault({ kind: 'read', path: '/deviceManagementScripts/', count: 1000, action: 'respond', status: 403, code: 'Forbidden' });
    const { backupSet } = await own.run('/backup-sets', { name: 'With a gap', selection: { types: ['windows-platform-script', 'device-compliance-policy'] } });
    const { page, clean } = await open(`/sets/${backupSet.id}`);
    await badge(page, 'Incomplete').waitFor();
    await row(page, SCRIPT).getByText('Missing').waitFor();
    await page.getByText('Next:').waitFor();
    await check(page, 'set-incomplete');
    await page.getByRole('button', { name: 'State' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Missing' }).click();
    await page.keyboard.press('Escape');
    await page.waitForURL('**?outcome=missing');
    await page.getByText('1 policy', { exact: true }).waitFor();
    await own.lift(fault);
    await page.getByRole('button', { name: 'Capture missing 1' }).click();
    await badge(page, 'Complete').waitFor({ timeout: RUN_ENDS });
    await page.getByText('No policies match this filter.').waitFor();
    await clean();
  });

  test('are compared, down to the changed settings', async () => {
    await own.writeScript(scriptAfter);
    await own.removePilot();
    await own.run('/backup-sets', { name: SECOND, selection: { all: true } });
    const { page, clean } = await open('/sets');
    await openSet(page, SECOND);
    await page.getByRole('tab', { name: 'Compare' }).click();
    await page.getByText('Choose an earlier set to see what changed until this one.').waitFor();
    const choice = page.getByRole('combobox', { name: 'Compare with' });
    await choice.selectOption(await choice.locator('option').filter({ hasText: BASELINE }).getAttribute('value'));
    await row(page, SCRIPT).getByText('Changed').waitFor();
    await row(page, GONE).getByText('Removed').waitFor();
    assert.equal(await page.locator('[data-row]').count(), 2, 'what is the same is shown');
    await check(page, 'set-compare');
    await row(page, SCRIPT).getByRole('link', { name: /^Compare versions/ }).click();
    await page.waitForURL('**/diff?from=*&to=*');
    assert.match(await page.locator('ins').first().innerText(), /WhatIf/);
    await clean();
  });

  test('are renamed, deleted with the name typed, and recovered', async () => {
    const { page, clean } = await open('/sets');
    await openSet(page, 'Two');
    await page.getByRole('button', { name: 'Rename…' }).click();
    await page.getByRole('dialog').getByRole('textbox', { name: 'Name' }).fill('Pair');
    await check(page, 'set-rename');
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await heading(page, 'Pair').waitFor();

    await page.getByRole('button', { name: 'Delete…' }).click();
    const dialog = page.getByRole('dialog');
    const typed = dialog.getByRole('textbox', { name: 'Type the name of the set' });
    await dialog.getByRole('button', { name: 'Delete backup set' }).click();
    await dialog.getByText('This is not the name of the set.').waitFor();
    assert.ok(await typed.evaluate((el) => el === document.activeElement), 'the missing field is not focused');
    await typed.fill('pair');
    await check(page, 'set-delete');
    await page.keyboard.press('Enter');
    assert.ok(await dialog.isVisible(), 'Enter deletes');
    await typed.fill('Pair');
    await dialog.getByRole('button', { name: 'Delete backup set' }).click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('It can be recovered until', { exact: false }).waitFor();
    await page.locator('#root:not([aria-hidden])').waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    await check(page, 'set-deleted');

    await go(page, '/sets');
    await row(page, SECOND).waitFor();
    assert.equal(await row(page, 'Pair').count(), 0);
    await page.getByRole('button', { name: 'Show deleted' }).click();
    await page.waitForURL('**?state=deleted');
    await row(page, 'Pair').getByRole('link').click();
    await page.getByRole('button', { name: 'Recover' }).click();
    await badge(page, 'Complete').waitFor();
    await announced(page, 'The set was recovered.');
    await clean();
  });

  test('are listed, found by name, and say how they stand', async () => {
    const { page, clean } = await open('/sets');
    await row(page, BASELINE).waitFor();
    await page.getByText(/^\d+ sets, all complete\.$/).waitFor();
    await check(page, 'sets');
    await page.getByRole('searchbox').fill('nothing like this');
    await page.getByText('No backup sets match this filter.').waitFor();
    await check(page, 'sets-no-match');
    await page.getByRole('button', { name: 'Clear filters' }).first().click();
    await row(page, BASELINE).waitFor();
    await clean();
  });

  test('that fail to load say so and come with a second try', async () => {
    const { page, clean } = await open('/policies', { expected: [/status of (500|404)/] });
    await page.route('**/v1/tenants/*/backup-sets?*', (route) =>
      route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ status: 500, code: 'internal', detail: 'A fault on our side; nothing was started.', requestId: 'req-9' }) }),
    );
    await go(page, '/sets');
    await page.getByText('req-9').waitFor();
    await check(page, 'sets-error');
    await page.unroute('**/v1/tenants/*/backup-sets?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await row(page, BASELINE).waitFor();
    await go(page, '/sets/set_00000000000000000000000000');
    await page.getByRole('alert').first().waitFor();
    await clean();
  });

  test('fit into 320 pixels', async () => {
    const { page, clean } = await open('/sets', { viewport: { width: 390, height: 844 } });
    await row(page, BASELINE).waitFor();
    const path = (await row(page, BASELINE).getByRole('link').getAttribute('href')).slice(own.path.length);
    for (const [name, where, ready] of [['sets', '/sets', '[data-row]'], ['set-new', '/sets/new?from=policies', '[data-row]'], ['set', path, '[data-row]'], ['set-coverage', `${path}?tab=coverage`, '[data-row]'], ['set-compare', `${path}?tab=compare`, 'select']]) {
      await go(page, where);
      await page.locator(`main ${ready}`).first().waitFor();
      await page.setViewportSize({ width: 390, height: 844 });
      await picture(page, `${name}-390`);
      await page.setViewportSize({ width: 320, height: 640 });
      assert.ok(await fits(page), `${name} is wider than 320 pixels`);
    }
    await clean();
  });
});

test('whoever may only look sees why a set cannot be made or deleted', async () => {
  const { page, clean } = await visit(browser, stack);
  await signIn(page, stack, stack.userWith({ contoso: 'viewer' }), `/t/${stack.tenant('contoso').id}/sets`);
  await page.locator('[data-row]').first().getByRole('link').click();
  for (const name of ['Restore…', 'Add policies…', 'Rename…', 'Delete…']) {
    assert.equal(await page.getByRole('button', { name, exact: true }).getAttribute('aria-disabled'), 'true', name);
  }
  await page.getByText('Needs owner. Ask an owner.').waitFor();
  await check(page, 'set-viewer');
  await clean();
});
