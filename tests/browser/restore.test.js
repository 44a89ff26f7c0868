// Restore as people do it: pick, preview, confirm, watch, undo. What is confirmed is
// what is done, once, and what moved meanwhile is left alone.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { check, fits, heading, launch, readStack, RUN_ENDS, signIn, visit } from './support.js';
import { ownTenant, SCRIPT, scriptAfter, tokenOf } from './support/policies.js';

const GONE = 'FileVault Encryption';

let stack;
let browser;
let own;
let set;
let platform;

before(async () => {
  stack = readStack();
  browser = await launch();
  platform = stack.users.find((u) => u.platformAdmin);
  const { page, clean } = await visit(browser, stack);
  const token = await tokenOf(page, stack, platform);
  await clean();
  own = await ownTenant(stack, token, 'Restored by hand');
  set = (await own.run('/backup-sets', { name: 'Baseline', selection: { all: true } })).backupSet;
  await own.writeScript(scriptAfter);
  const [gone] = await own.policies(GONE);
  await own.drop('configurationPolicies', gone.graphId);
});

after(async () => {
  await own?.remove();
  await browser?.close();
});

const item = (page, name) => page.locator('[data-plan-item]').filter({ hasText: name });

// confirm fills in the dialog and presses the button twice.
async function confirm(page, button, reason) {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Type the tenant name').fill(own.name);
  await dialog.getByLabel('Reason, kept in the audit log').fill(reason);
  await dialog.getByRole('button', { name: button }).dblclick();
  await page.waitForURL((url) => /\/runs\/run_[^/]+$/.test(url.pathname));
}

const ended = (page, status) => page.locator('h1').locator('..').getByText(status).waitFor({ timeout: RUN_ENDS });

describe('a restore', () => {
  test('is previewed, confirmed, carried out once, and undone', async () => {
    const { page, clean } = await visit(browser, stack);
    let starts = 0;
    page.on('request', (r) => r.method() === 'POST' && /\/(previews|restores)$/.test(new URL(r.url()).pathname) && starts++);
    await signIn(page, stack, platform, `${own.path}/restore?set=${set.id}`);
    await page.getByRole('table').waitFor();
    await check(page, 'restore-pick');
    await page.getByRole('button', { name: 'Preview all items' }).dblclick();
    await page.getByText('Nothing was changed. 2 of').waitFor({ timeout: RUN_ENDS });
    assert.equal(starts, 1, 'one preview is started by a double click');

    await item(page, SCRIPT).locator('del').filter({ hasText: 'WhatIf' }).first().waitFor();
    assert.equal(await item(page, GONE).getAttribute('data-action'), 'create');
    assert.equal(await item(page, SCRIPT).getAttribute('data-action'), 'update');
    await check(page, 'plan');
    await page.getByRole('tab', { name: 'Steps' }).click();
    await page.getByText('Requests to Microsoft Graph').first().waitFor();
    await check(page, 'plan-steps');
    await page.getByRole('tab', { name: 'Changes' }).click();

    // What is taken out is not on the button.
    await page.getByRole('checkbox', { name: `Restore ${SCRIPT}` }).uncheck();
    await page.getByRole('button', { name: 'Restore 1 item…' }).waitFor();
    await page.getByRole('button', { name: 'Include all again' }).click();

    await page.getByRole('button', { name: 'Restore 2 items…' }).click();
    const dialog = page.getByRole('dialog');
    const restore = dialog.getByRole('button', { name: 'Restore 2 items' });
    assert.equal(await restore.evaluate((b) => b === document.activeElement), false, 'the focus is not on the button that writes');
    await check(page, 'plan-confirm');
    await restore.click();
    assert.ok(await dialog.getByLabel('Type the tenant name').evaluate((i) => i === document.activeElement), 'the missing field has the focus');
    await dialog.getByLabel('Type the tenant name').fill('Another tenant');
    await page.keyboard.press('Enter');
    await dialog.getByLabel('Reason, kept in the audit log').fill('x');
    await page.keyboard.press('Enter');
    await restore.click();
    await dialog.getByText('Type the name exactly as it stands above.').waitFor();
    assert.equal(starts, 1, 'nothing is started before the name is typed');

    // Somebody changes the script after the preview.
    await own.writeScript('Write-Host "changed by somebody"');
    await confirm(page, 'Restore 2 items', 'CHG0049120');
    await page.reload();
    await signInAgain(page);
    await ended(page, 'Partial');
    assert.equal(starts, 2, 'one live restore is started by a double click');
    await page.getByText('Writes to tenant').waitFor();
    await page.getByText('CHG0049120').waitFor();
    await page.getByRole('tab', { name: /Needs attention/ }).click();
    await page.getByText('target_changed').first().waitFor();
    await check(page, 'run-attention');
    await page.getByRole('tab', { name: /Timeline/ }).click();
    await page.getByText('Applies the plan of').waitFor();
    await check(page, 'run-timeline');

    // The undo deletes what was created, and only when that is confirmed by itself.
    await page.getByRole('button', { name: 'Undo…' }).click();
    await page.waitForURL('**/plan');
    await page.getByRole('checkbox', { name: /Also delete 1 object/ }).waitFor({ timeout: RUN_ENDS });
    await check(page, 'plan-undo');
    await page.getByRole('checkbox', { name: /Also delete 1 object/ }).check();
    await page.getByRole('button', { name: 'Restore 1 item…' }).click();
    await confirm(page, 'Restore 1 item', 'Undo it');
    await ended(page, 'Succeeded');
    await page.getByRole('tab', { name: /All items/ }).click();
    await page.getByText('Deleted').first().waitFor();
    await clean();
  });

  test('that was applied cannot be applied again', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, platform, `${own.path}/runs?op=restore.preview`);
    await page.locator('main [data-row]').last().getByRole('link').first().click();
    await page.getByRole('link', { name: 'Open the plan' }).click();
    await page.getByText('This plan was applied already.').waitFor();
    assert.equal(await page.getByRole('button', { name: /^Restore \d/ }).count(), 0);
    await clean();
  });

  test('is readable on a narrow page, and says what a viewer may not do', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 320, height: 640 } });
    const viewer = stack.userWith({ contoso: 'viewer' });
    await signIn(page, stack, viewer, `/t/${stack.tenant('contoso').id}/restore`);
    await heading(page, 'Restore').waitFor();
    await page.getByRole('table').getByRole('link').first().click();
    const preview = page.getByRole('button', { name: 'Preview all items' });
    await preview.waitFor();
    assert.equal(await preview.getAttribute('aria-disabled'), 'true');
    await page.getByText('Needs operator. Ask an owner.').first().waitFor();
    assert.ok(await fits(page));
    await check(page, 'restore-pick-narrow');
    await clean();
  });
});

// A reload forgets the tokens; the provider remembers the person or asks again.
async function signInAgain(page) {
  const password = page.locator('#password');
  const account = page.locator('header [data-account]');
  await account.or(password).first().waitFor();
  if (await password.isVisible()) {
    await page.locator('#username').fill(platform.email);
    await password.fill(platform.password);
    await page.locator('button[type=submit]').click();
    await account.waitFor();
  }
}
