// Restores in a real browser, against a running local stack: picked, previewed,
// confirmed, done in part, done again, undone.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { announced, axe, check, fillSignIn, fits, heading, launch, picture, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { LONG, MARKUP, RIGHT_TO_LEFT, tokenOf } from './support/policies.js';
import { restorable } from './support/restore.js';

let stack;
let browser;
let own;

before(async () => {
  stack = readStack();
  browser = await launch();
  const { page, clean } = await visit(browser, stack);
  own = await restorable(stack, await tokenOf(page, stack, admin()), `Restores ${Date.now() % 100_000}`);
  await own.damage();
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
// go opens another address without a reload, which would sign out.
const go = (page, path) =>
  page.evaluate((to) => {
    history.pushState({}, '', to);
    dispatchEvent(new PopStateEvent('popstate'));
  }, own.path + path);
const object = (page, name) => page.locator(`[data-object]`).filter({ has: page.getByRole('heading', { name, exact: true }) });
const row = (page, name) => page.locator('[data-row]').filter({ hasText: name });
const runOf = (page) => new URL(page.url()).pathname.split('/')[4];
const ended = (page, words) => page.locator('main [data-status]').filter({ hasText: words }).waitFor({ timeout: RUN_ENDS });
const dialog = (page) => page.getByRole('dialog');
const confirm = async (page, button, reason = 'CHG0049120') => {
  await dialog(page).getByRole('textbox', { name: /^Type the name/ }).fill(own.name);
  await dialog(page).getByRole('textbox', { name: /^Reason/ }).fill(reason);
  await dialog(page).getByRole('button', { name: button }).dblclick();
};

// The story goes on from test to test: each takes the run that the one before made.
describe('a restore', { concurrency: 1 }, () => {
  let plan;
  let live;

  test('begins with what is to be restored, of which nothing is lost while one looks around', async () => {
    const { page, clean } = await open(`/restore?set=${own.set}`);
    await heading(page, 'Restore from “Baseline before 24H2”').waitFor();
    await page.getByText(/^\d+ of 20 items can be previewed|^All 20 items/).waitFor();
    await check(page, 'restore-pick');
    const preview = page.getByRole('button', { name: /^Preview \d+ items$/ });
    const all = await preview.textContent();
    await page.getByRole('checkbox', { name: 'Select Clean up temporary files' }).uncheck();
    const fewer = await preview.textContent();
    assert.equal(parseInt(fewer.slice(8)), parseInt(all.slice(8)) - 1);
    await page.getByRole('searchbox', { name: 'Search by name' }).fill('wireless');
    await page.waitForURL('**q=wireless');
    assert.equal(await page.locator('[data-row]').count(), 1);
    assert.equal(await preview.textContent(), fewer, 'a filter changed what is selected');
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.getByRole('button', { name: 'Select all' }).click();
    assert.equal(await preview.textContent(), all);
    await preview.dblclick();
    await page.waitForURL('**/runs/*/plan');
    plan = runOf(page);
    await heading(page, `Preview of the restore into ${own.name}`).waitFor();
    const runs = await own.api('/runs?operation=restore.preview');
    assert.equal(runs.items.length, 1, 'a double click made two previews');
    await clean();
  });

  test('is read setting by setting before anything is written', async () => {
    const { page, clean } = await open(`/runs/${plan}/plan`);
    await page.getByText('Nothing was changed. 8 of 18 items would be written: 2 created and 6 updated.').waitFor();
    assert.equal(await own.writes(), 0);
    await page.getByText(/warnings? to read before you restore/).waitFor();
    const asr = object(page, '2025-NCSC-ASR');
    await asr.getByText('Wider: all devices').waitFor();
    const mac = object(page, 'macOS Baseline Compliance Policy');
    await mac.getByRole('row', { name: /Password required/ }).waitFor();
    for (const name of [MARKUP, RIGHT_TO_LEFT]) await object(page, name).waitFor();
    await page.getByRole('heading', { name: LONG.slice(0, 200) }).waitFor();
    assert.equal(await page.locator('main img').count(), 0);
    await check(page, 'plan');
    // A new object is its version.
    await object(page, MARKUP).getByRole('button', { name: /^Settings of/ }).click();
    await object(page, MARKUP).getByRole('row', { name: /OMA-URI/ }).first().waitFor();
    // What cannot be written says why, and cannot be selected.
    const blocked = object(page, 'iOS compliance with notification');
    assert.ok(await blocked.getByRole('checkbox').isDisabled());
    await blocked.getByRole('button', { name: /^Settings of/ }).click();
    await blocked.getByText(/scope tag/).first().waitFor();
    await page.getByRole('button', { name: /^No change/ }).click();
    await page.waitForURL(/action=none/);
    await object(page, 'Clean up temporary files').waitFor();
    await page.goBack();
    // Found by a setting that it changes.
    await page.getByRole('searchbox', { name: 'Name or setting' }).fill('password req');
    await page.getByRole('search').getByText('1 item', { exact: true }).waitFor();
    await mac.waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await page.getByRole('tab', { name: 'Steps' }).click();
    await mac.getByText('PATCH').waitFor();
    await check(page, 'plan-steps');
    await page.getByRole('tab', { name: 'Raw' }).click();
    await mac.getByText('"fingerprint"').waitFor();
    await check(page, 'plan-raw');
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download' }).click()]);
    assert.match(file.suggestedFilename(), /^plan-Baseline-before-24H2.*\.json$/);
    await clean();
  });

  test('fits a telephone, in light and dark', async () => {
    const { page, clean } = await open(`/runs/${plan}/plan`, { viewport: { width: 390, height: 844 } });
    await object(page, '2025-NCSC-ASR').getByText('Wider: all devices').waitFor();
    assert.ok(await fits(page));
    await check(page, 'plan-390');
    await page.setViewportSize({ width: 320, height: 640 });
    assert.ok(await fits(page));
    await clean();
  });

  test('is confirmed with the name of the tenant and a reason, and never by mistake', async () => {
    const { page, clean } = await open(`/runs/${plan}/plan`);
    await page.getByRole('checkbox', { name: `Restore ${RIGHT_TO_LEFT}` }).uncheck();
    await page.getByText('7 of 8 selected').waitFor();
    // By keyboard as well.
    await page.locator('h1').focus();
    await page.getByRole('button', { name: 'Restore 7 items…' }).click();
    await page.waitForURL('**confirm=1');
    await dialog(page).getByText('2 are created and 5 overwritten, 11 of 18 left out.').waitFor();
    assert.notEqual(await page.evaluate(() => document.activeElement?.textContent), 'Restore 7 items', 'the focus begins on the button that writes');
    await check(page, 'plan-confirm');
    const name = dialog(page).getByRole('textbox', { name: /^Type the name/ });
    const reason = dialog(page).getByRole('textbox', { name: /^Reason/ });
    const write = dialog(page).getByRole('button', { name: 'Restore 7 items', exact: true });
    await write.click();
    assert.ok(await name.evaluate((el) => el === document.activeElement), 'what lacks is not focused');
    await name.fill('Another tenant');
    await write.click();
    await dialog(page).getByText('This is not the name of the tenant.').waitFor();
    await name.fill(` ${own.name} `);
    await write.click();
    assert.ok(await reason.evaluate((el) => el === document.activeElement));
    await check(page, 'plan-confirm-missing');
    await reason.fill('CHG0049120');
    await name.press('Enter');
    assert.equal((await own.api('/runs?operation=restore.execute')).items.length, 0, 'Enter started it');
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: 'Restore 7 items…' }).click();
    assert.equal(await name.inputValue(), '', 'a confirmation was kept');
    assert.equal(await own.writes(), 0);
    await clean();
  });

  test('opens its run at once, and one double click starts one', async () => {
    // Microsoft refuses one object for now, and one for its content; another is changed
    // after the preview.
    const fault = await own.fault({ kind: 'write', path: `/configurationPolicies/${own.catalog.get('ACSC Edge Hardening Guidelines')}`, status: 400 });
    await own.touch('configurationPolicies', own.catalog.get('2025-NCSC-Edge'));
    const { page, context, clean } = await open(`/runs/${plan}/plan`);
    const second = await context.newPage();
    await signIn(second, stack, admin(), `${own.path}/runs/${plan}/plan`).catch(() => second.goto(`${stack.consoleUrl}${own.path}/runs/${plan}/plan`));
    await second.getByRole('button', { name: 'Restore 8 items…' }).click();
    await page.getByRole('button', { name: 'Restore 8 items…' }).click();
    await confirm(page, 'Restore 8 items');
    await page.waitForURL((url) => /\/runs\/run_[^/]+$/.test(url.pathname) && !url.pathname.includes(plan));
    live = runOf(page);
    await heading(page, /Live restore/).waitFor();
    await page.getByText('Writes to tenant').waitFor();
    await announced(page, 'Queued.');
    // The other tab asks for the same and gets the same run; later it is told that the plan is used.
    await confirm(second, 'Restore 8 items');
    await second.waitForURL(`**/runs/${live}`);
    await second.goBack();
    await ended(page, 'Partial');
    await own.lift(fault);
    await second.getByText('This plan was applied. It cannot be applied a second time.').waitFor();
    assert.equal(await second.getByRole('button', { name: /^Restore \d/ }).count(), 0);
    await picture(second, 'plan-used');
    await second.close();
    assert.equal((await own.api('/runs?operation=restore.execute')).items.length, 1);
    await clean();
  });

  test('says what needs attention first, why, and what to do', async () => {
    const { page, clean } = await open(`/runs/${live}`);
    await page.getByText(/^Restored 5 of 8 items\. 2 failed, 1 skipped\.$/).first().waitFor();
    await page.getByRole('tab', { name: 'Needs attention (3)', selected: true }).waitFor();
    const failed = row(page, 'ACSC Edge Hardening Guidelines');
    await failed.getByText('Failed').waitFor();
    await row(page, '2025-NCSC-Edge').getByText('target_changed').waitFor();
    await failed.getByRole('button', { name: /^Details of/ }).click();
    await page.waitForURL(/item=/);
    await page.getByText('HTTP 400').waitFor();
    await page.getByRole('button', { name: 'Copy Graph request id' }).waitFor();
    await check(page, 'run-partial');
    await page.getByRole('button', { name: /^Target changed/ }).click();
    await page.waitForURL(/reason=target_changed/);
    await failed.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: /^All reasons/ }).click();
    await failed.waitFor();
    // n and p go through them.
    await page.locator('h1').focus();
    await page.keyboard.press('n');
    await page.waitForURL(/item=/);
    const first = new URL(page.url()).searchParams.get('item');
    await page.keyboard.press('n');
    await page.waitForURL((url) => url.searchParams.get('item') !== first);
    await page.keyboard.press('p');
    await page.waitForURL((url) => url.searchParams.get('item') === first);
    await page.getByRole('tab', { name: 'All items (8)' }).click();
    await page.getByText('Updated, version 1').first().waitFor();
    await check(page, 'run-all');
    await page.getByRole('tab', { name: 'Timeline' }).click();
    await page.getByText('A worker started it').waitFor();
    await page.getByText(/objects? (was|were) written/).waitFor();
    await check(page, 'run-timeline');
    // The same after a reload in the middle of it.
    await page.reload();
    await fillSignIn(page, admin());
    await page.getByRole('tab', { name: 'Timeline', selected: true }).waitFor();
    await clean();
  });

  test('is done again for what did not succeed, and both runs name each other', async () => {
    const { page, clean } = await open(`/runs/${live}`);
    await page.getByRole('button', { name: /^Re-run 3/ }).click();
    await dialog(page).getByText('that did not succeed').waitFor();
    await check(page, 'run-rerun');
    await confirm(page, 'Re-run 3 items', 'CHG0049120, second try');
    await page.waitForURL((url) => /\/runs\/run_[^/]+$/.test(url.pathname) && !url.pathname.includes(live));
    const again = runOf(page);
    await heading(page, /Re-run/).waitFor();
    await ended(page, /Partial|Succeeded/);
    await page.getByRole('list', { name: 'Related runs' }).getByRole('link', { name: /Live restore/ }).click();
    await page.waitForURL(`**/runs/${live}**`);
    await page.getByRole('list', { name: 'Related runs' }).getByText('Re-run by').waitFor();
    await row(page, 'ACSC Edge Hardening Guidelines').getByRole('button', { name: /^Details of/ }).click();
    await page.getByText('A later run did this item with success.').waitFor();
    assert.ok((await own.api(`/runs/${again}`)).counts.succeeded >= 1);
    await clean();
  });

  test('is undone by a plan, whose deletions have a check mark of their own', async () => {
    const { page, clean } = await open(`/runs/${live}`);
    await page.getByRole('button', { name: 'Undo…' }).dblclick();
    await page.waitForURL('**/runs/*/plan');
    await heading(page, `Preview of the undo in ${own.name}`).waitFor();
    await page.getByText(/would be written: .*2 deleted/).waitFor({ timeout: RUN_ENDS });
    const created = page.getByRole('checkbox', { name: `Delete ${MARKUP}` });
    assert.ok(await created.isDisabled());
    assert.equal(await created.isChecked(), false);
    await page.getByRole('checkbox', { name: /^Also delete the 2 objects/ }).check();
    assert.ok(await created.isChecked());
    await check(page, 'undo');
    const undo = page.getByRole('button', { name: /^Undo \d items…$/ });
    const words = (await undo.textContent()).replace('…', '');
    await undo.click();
    await dialog(page).getByText('2 deleted').waitFor();
    await confirm(page, words);
    await dialog(page).getByText('Confirm the deletion').waitFor();
    assert.ok(await dialog(page).isVisible(), 'it was started without the check mark');
    await dialog(page).getByRole('checkbox', { name: /^Delete the 2 objects/ }).check();
    await check(page, 'undo-confirm');
    await dialog(page).getByRole('button', { name: words, exact: true }).click();
    await page.waitForURL((url) => /\/runs\/run_[^/]+$/.test(url.pathname));
    await ended(page, /Succeeded|Partial/);
    await page.getByRole('list', { name: 'Related runs' }).waitFor();
    const names = (await own.sim('GET', '/objects/deviceConfigurations')).map((o) => o.name);
    assert.ok(!names.includes(MARKUP), 'what the restore created is still there');
    await check(page, 'run-undone');
    await clean();
  });
});

test('a plan that is too old starts nothing, and is made anew by one click', async () => {
  const made = await own.run(`/backup-sets/${own.set}/previews`);
  const { page, context, clean } = await open(`/runs/${made.id}/plan`, { expected: [/status of 409/] });
  await context.route('**/v1/tenants/*/restores', (route) =>
    route.fulfill({
      status: 409, contentType: 'application/problem+json',
      body: JSON.stringify({ code: 'plan_stale', status: 409, detail: 'The plan is too old, or its objects changed. Nothing was started. Preview again.', requestId: 'req_stale' }),
    }),
  );
  const restore = page.getByRole('button', { name: /^Restore \d+ items…$/ });
  const words = (await restore.textContent()).replace('…', '');
  await restore.click();
  await confirm(page, words);
  await dialog(page).getByText('Nothing was started.').waitFor();
  await check(page, 'plan-stale');
  await dialog(page).getByRole('button', { name: 'Preview again' }).click();
  await page.waitForURL((url) => url.pathname.endsWith('/plan') && !url.pathname.includes(made.id));
  await page.getByText('Nothing was changed').waitFor({ timeout: RUN_ENDS });
  assert.equal(await dialog(page).count(), 0);
  await clean();
});

test('one version of one policy is picked from its versions', async () => {
  const policy = (await own.policies('macOS Baseline'))[0];
  const { page, clean } = await open(`/restore?policy=${policy.id}`);
  await heading(page, /^Restore a version of/).waitFor();
  await page.getByRole('radio', { name: 'Version 1' }).check();
  await page.waitForURL('**v=1');
  await check(page, 'restore-version');
  await page.getByRole('button', { name: 'Preview version 1' }).click();
  await page.waitForURL('**/plan');
  await page.getByText('Nothing was changed').waitFor({ timeout: RUN_ENDS });
  await clean();
});

test('without a set or a policy, one chooses', async () => {
  const { page, clean } = await open('/restore');
  await check(page, 'restore-choose');
  await page.getByRole('link', { name: 'Baseline before 24H2' }).click();
  await page.waitForURL('**/restore?set=*');
  await clean();
});

test('a dependency that is left out is warned of', async () => {
  const made = await own.run(`/backup-sets/${own.set}/previews`);
  const { items } = await own.api(`/runs/${made.id}/plan?pageSize=200`);
  const created = items.find((i) => i.action === 'create');
  const other = items.find((i) => i.action === 'update');
  assert.ok(created && other);
  const { page, context, clean } = await visit(browser, stack);
  await context.route(`**${other.detail}`, async (route) => {
    const answer = await route.fetch();
    const body = await answer.json();
    await route.fulfill({ response: answer, json: { ...body, references: [{ type: 'assignment-filter', id: 'f', creates: created.key, name: 'Berlin' }] } });
  });
  await signIn(page, stack, admin(), `${own.path}/runs/${made.id}/plan`);
  await page.getByRole('checkbox', { name: `Restore ${created.name}`, exact: true }).uncheck();
  await page.getByText('1 item needs what is left out:').waitFor();
  await check(page, 'plan-dependency');
  await page.getByRole('button', { name: 'Select what is needed' }).click();
  await page.getByText('1 item needs what is left out:').waitFor({ state: 'hidden' });
  assert.ok(await page.getByRole('checkbox', { name: `Restore ${created.name}`, exact: true }).isChecked());
  await clean();
});

test('a viewer reads it all, and is told what commands need', async () => {
  const viewer = stack.userWith({ contoso: 'viewer' });
  const { page, clean } = await visit(browser, stack);
  const path = `/t/${stack.tenant('contoso').id}`;
  await signIn(page, stack, viewer, `${path}/restore`);
  await page.locator('[data-row] a').first().click();
  const preview = page.getByRole('button', { name: /^Preview/ });
  await preview.waitFor();
  assert.equal(await preview.getAttribute('aria-disabled'), 'true');
  await page.getByText('Needs operator. Ask an owner.').waitFor();
  await axe(page, 'restore of a viewer');
  await clean();
});

test('failures can be tried again, and a foreign plan is like one that does not exist', async () => {
  const made = await own.run(`/backup-sets/${own.set}/previews`);
  const { page, context, clean } = await visit(browser, stack, { expected: [/status of (500|404)/] });
  const plan = '**/runs/*/plan?*';
  await context.route(plan, (route) =>
    route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ code: 'internal', status: 500, detail: 'A fault on our side; nothing was started. Try again.', requestId: 'req_plan' }) }),
  );
  await signIn(page, stack, admin(), `${own.path}/runs/${made.id}/plan`);
  await page.getByText('req_plan').waitFor();
  await check(page, 'plan-error');
  await context.unroute(plan);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('Nothing was changed').waitFor();
  await go(page, '/runs/run_01M80SKC0HK8T9XFRCZS1AYCQQ/plan');
  await page.getByText(/not in|not here|does not exist/).first().waitFor();
  await clean();
});
