// Members, connection and audit: who may do what, whether Microsoft lets the
// application in, and who did what.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { go, newTenant } from './support/admin.js';
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
const MARKUP = '<img src=x onerror="document.title=1">';
const rowOf = (page, text) => page.locator('[data-row]', { hasText: text });

describe('members', () => {
  test('are added, changed and removed by owners, of whom one stays', { timeout: 2 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: 'Members GmbH', members: { viewer: user('viewer') } });
    const { page, clean } = await visit(browser, stack, { expected: [/412|409|422/] });
    await signIn(page, stack, user('owner'), `${tenant.page}/members`);
    await page.getByText('2 members, 1 owner.').waitFor();
    const own = rowOf(page, 'Olivia Owner');
    await own.getByText('you', { exact: true }).waitFor();
    await own.locator('visible=true').getByText('The last owner. Name another first.').last().waitFor();
    for (const name of ['Change role…', 'Remove…']) assert.equal(await own.getByRole('button', { name }).getAttribute('aria-disabled'), 'true');
    await check(page, 'members');

    // Adding: faults first, then twice the same.
    await page.getByRole('button', { name: 'Add member…' }).click();
    const add = page.getByRole('dialog', { name: 'Add a member' });
    await add.getByRole('button', { name: 'Add member', exact: true }).click();
    await add.getByText('Enter the user id.').waitFor();
    await add.getByLabel('User id').fill(user('viewer').userId);
    await page.keyboard.press('Enter');
    await add.getByText('This user is a member already. Change the role in the list.').waitFor();
    await check(page, 'members-add');
    await add.getByLabel('User id').fill(user('restorer').userId);
    await add.getByLabel('Name', { exact: true }).fill(MARKUP);
    await add.getByRole('radio', { name: /^Restorer/ }).check();
    await page.keyboard.press('Enter');
    const row = rowOf(page, MARKUP);
    await row.getByText('Restorer').waitFor();
    await announced(page, `${MARKUP} was added`);
    await add.waitFor({ state: 'detached' });
    assert.equal(new URL(page.url()).search, '');
    assert.equal(await page.title(), 'Members – Members GmbH – TenantAtlas');

    // Changing, while somebody else does.
    await row.getByRole('button', { name: 'Change role…' }).click();
    const change = page.getByRole('dialog', { name: `Change the role of ${MARKUP}` });
    await change.getByRole('radio', { name: /^Restorer/, checked: true }).waitFor();
    await check(page, 'members-change');
    await tenant.ask('PUT', `${tenant.path}/members/${user('restorer').userId}`, { role: 'viewer' });
    await change.getByRole('radio', { name: /^Operator/ }).check();
    await change.getByRole('button', { name: 'Change role', exact: true }).click();
    await change.getByText('Someone changed this member since you opened it.').waitFor();
    await change.getByRole('radio', { name: /^Viewer/, checked: true }).waitFor();
    await change.getByRole('radio', { name: /^Owner/ }).check();
    await change.getByRole('button', { name: 'Change role', exact: true }).click();
    await row.getByText('Owner', { exact: true }).waitFor();
    await page.getByText('3 members, 2 owners.').waitFor();
    assert.equal(await own.getByRole('button', { name: 'Remove…' }).getAttribute('aria-disabled'), null, 'a second owner frees the first');

    // The list is old: the API still keeps the last owner.
    await own.getByRole('button', { name: 'Remove…' }).click();
    await tenant.ask('PUT', `${tenant.path}/members/${user('restorer').userId}`, { role: 'viewer' });
    const leave = page.getByRole('dialog', { name: 'Remove Olivia Owner?' });
    await leave.getByText('You lose access to this tenant at once.').waitFor();
    await leave.getByRole('button', { name: 'Remove member' }).click();
    await leave.getByText('A tenant needs at least one owner. Name another first.').waitFor();
    await check(page, 'members-last-owner');
    await leave.getByRole('button', { name: 'Cancel' }).click();

    await row.getByRole('button', { name: 'Remove…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove member' }).click();
    await row.waitFor({ state: 'detached' });
    await page.getByText('2 members, 1 owner.').waitFor();

    // Search, and nothing found.
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: 'Name or user id' }).fill('vera');
    await page.waitForURL(/q=vera/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1);
    await page.getByRole('searchbox', { name: 'Name or user id' }).fill('nobody at all');
    await page.locator('[data-empty=filter]', { hasText: 'No members match this filter.' }).waitFor();
    await check(page, 'members-no-match');
    await clean();
  });

  test('are seen by a viewer, who changes nothing, on any width', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 390, height: 844 } });
    await signIn(page, stack, user('viewer'), `/t/${stack.tenant('contoso').id}/members?edit=new`);
    await rowOf(page, 'Omar Operator').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0, 'the address opens what the role does not have');
    const change = rowOf(page, 'Omar Operator').getByRole('button', { name: 'Change role…' });
    assert.equal(await change.getAttribute('aria-disabled'), 'true');
    await page.getByText('Needs owner. Ask an owner.').first().waitFor();
    assert.ok(await fits(page), 'wider than 390');
    await check(page, 'members-390');
    for (const section of ['connection', 'audit', 'schedules?edit=new']) {
      await go(page, `/t/${stack.tenant('contoso').id}/${section}`);
      await page.waitForFunction(() => !document.querySelector('[data-loading]'));
      await page.setViewportSize({ width: 320, height: 700 });
      assert.ok(await fits(page), `${section} is wider than 320`);
      await page.setViewportSize({ width: 390, height: 844 });
      await picture(page, `${section.replace(/\W.*/, '')}-390-light`);
    }
    await clean();
  });
});

describe('the connection', () => {
  test('is tested as a run, which names what is missing', { timeout: 3 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: `Connected ${MARKUP}`, members: { operator: user('operator') } });
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, user('operator'), `${tenant.page}/connection`);
    await page.getByText('Not tested yet.').waitFor();
    await page.getByText(tenant.clientId).waitFor();
    await check(page, 'connection-untested');
    assert.equal(await page.getByRole('button', { name: 'Change credential…' }).getAttribute('aria-disabled'), 'true');
    await tenant.grant(tenant.permissions.filter((p) => !p.includes('RBAC')));
    await page.getByRole('button', { name: 'Test connection' }).dblclick();
    await page.locator('main').getByText('Queued.').waitFor();
    await page.locator('[data-test=partial]').waitFor({ timeout: RUN_ENDS });
    await page.getByText(/^Connected\. Tested .* \d+ of \d+ policy types can be read\.$/).waitFor();
    assert.equal((await tenant.ask('GET', `${tenant.path}/runs?operation=connection.test`)).items.length, 1);
    const permissions = page.getByRole('table', { name: 'Permissions to read' });
    await permissions.getByRole('row', { name: /DeviceManagementRBAC\.Read\.All.*Missing/ }).waitFor();
    await permissions.getByRole('row', { name: /DeviceManagementConfiguration\.Read\.All.*Granted/ }).waitFor();
    await page.getByRole('table', { name: /What does not work/ }).getByText(/Grant DeviceManagementRBAC/).first().waitFor();
    await check(page, 'connection');
    await clean();
  });

  test('gets another credential, which is sent once and shown nowhere', { timeout: 3 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: 'Credential GmbH' });
    const { page, context, clean } = await visit(browser, stack);
    const carrying = [];
    const wrong = `wrong-${tenant.secret}`;
    await context.route('**/v1/**', async (route) => {
      const body = route.request().postData() ?? '';
      if (body.includes(wrong) || route.request().url().includes(wrong)) carrying.push(route.request().method());
      await route.continue();
    });
    await signIn(page, stack, user('owner'), `${tenant.page}/connection`);
    await page.getByRole('button', { name: 'Change credential…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Change the credential' });
    await dialog.getByRole('button', { name: 'Store and test' }).click();
    await dialog.getByText('Enter the client secret.').waitFor();
    await check(page, 'connection-credential');
    await dialog.getByLabel('Client secret').fill(wrong);
    assert.equal(await dialog.getByLabel('Client secret').getAttribute('type'), 'password');
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('The credential was stored. A test was started.').locator('visible=true').first().waitFor();
    await page.locator('[data-fault=credential_invalid]').waitFor({ timeout: RUN_ENDS });
    await page.getByText(/^Not connected\./).waitFor();
    await check(page, 'connection-refused');
    const kept = JSON.stringify(await context.storageState()) + (await page.content()) + (await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }])));
    assert.ok(!kept.includes(tenant.secret), 'the secret stayed in the page');
    assert.ok(carrying.length <= 1, `the secret was sent ${carrying.length} times`);

    // The overview leads here.
    await go(page, tenant.page);
    await page.locator('[data-need=credential_invalid]').getByRole('link', { name: 'Open connection' }).click();
    await heading(page, 'Connection').waitFor();
    await page.getByRole('button', { name: 'Change credential…' }).click();
    await dialog.getByLabel('Client secret').fill(tenant.secret);
    await page.keyboard.press('Enter');
    await page.locator('[data-test=succeeded]').waitFor({ timeout: RUN_ENDS });
    await page.getByText(/All \d+ policy types can be read\.$/).waitFor();
    await page.locator('[data-fault]').waitFor({ state: 'detached' });

    await page.getByRole('button', { name: 'Edit…' }).click();
    const edit = page.getByRole('dialog', { name: 'Edit the registration' });
    await edit.getByLabel('Tenant id').fill('not an id');
    await edit.getByRole('button', { name: 'Save' }).click();
    await edit.getByText('Enter an id like').waitFor();
    await edit.getByLabel('Tenant id').fill(tenant.graphId);
    await edit.getByLabel('Name').fill('Credential AG');
    await page.keyboard.press('Enter');
    await page.getByText('The registration was saved. Test the connection.').locator('visible=true').first().waitFor();
    await page.getByRole('button', { name: 'Tenant: Credential AG' }).waitFor();
    await clean();
  });
});

describe('the audit trail', () => {
  test('says who did what, is filtered and exported, and has nothing to change', { timeout: 2 * RUN_ENDS }, async () => {
    const tenant = await tenantOf({ name: 'Audit GmbH', policies: ['Win – Firewall'], members: { viewer: user('viewer') } });
    await tenant.start('inventory-syncs', { types: ['settings-catalog-policy'] });
    const schedule = await tenant.ask('POST', `${tenant.path}/schedules`, { name: `=1+1 ${MARKUP}`, operation: 'inventory.sync', expression: 'rate(6 hours)' });
    await tenant.ask('PATCH', `${tenant.path}/schedules/${schedule.id}`, { paused: true });
    const { page, clean } = await visit(browser, stack, { acceptDownloads: true });
    await signIn(page, stack, user('viewer'), `${tenant.page}/audit`);
    await rowOf(page, 'Schedule paused').getByText('Olivia Owner').waitFor();
    await rowOf(page, 'Run requested: Inventory sync').first().waitFor();
    await rowOf(page, 'Member set').getByText('Role: Viewer').waitFor();
    for (const name of [/edit/i, /delete/i, /remove/i, /change/i]) assert.equal(await page.locator('[data-row]').getByRole('button', { name }).count(), 0, 'a command changes the trail');
    await check(page, 'audit');

    // By event, by who, about what, by when.
    await page.locator('[data-filter=Event]').click();
    await page.getByRole('menuitemcheckbox', { name: 'Schedule paused' }).click();
    await page.keyboard.press('Escape');
    await page.waitForURL(/event=schedule\.paused/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 1);
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await rowOf(page, 'Schedule paused').getByRole('button', { name: /^Only this/ }).click();
    await page.waitForURL(/target=sch_/);
    await page.waitForFunction(() => document.querySelectorAll('[data-row]').length === 2);
    await page.getByRole('button', { name: /^Remove the filter About/ }).click();
    await page.locator('[data-filter=By]').click();
    await page.getByRole('menuitemradio', { name: 'Vera Viewer' }).click();
    await page.locator('[data-empty=filter]', { hasText: 'No events match this filter.' }).waitFor();
    await check(page, 'audit-no-match');
    await page.locator('[data-empty=filter]').getByRole('button', { name: 'Clear filters' }).click();
    await page.locator('[data-filter=Time]').click();
    await check(page, 'audit-time');
    await page.getByRole('button', { name: 'Last 24 hours' }).click();
    await page.waitForURL(/from=/);
    await rowOf(page, 'Tenant added').waitFor();
    await page.locator('[data-filter=Time]').click();
    await page.getByLabel('From').fill('2020-01-01');
    await page.getByLabel('To, that day included').fill('2019-01-01');
    await page.getByText('The end is before the beginning.').waitFor();
    await page.getByLabel('To, that day included').fill('2020-01-02');
    await page.getByRole('button', { name: 'Apply' }).click();
    await page.getByRole('button', { name: 'Time: 1 Jan 2020 to 2 Jan 2020' }).waitFor();
    await page.locator('[data-empty=filter]').waitFor();
    await page.locator('[data-empty=filter]').getByRole('button', { name: 'Clear filters' }).click();
    await rowOf(page, 'Tenant added').waitFor();

    // The file: everything, spreadsheet-safe.
    const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export' }).click()]);
    assert.match(file.suggestedFilename(), /^audit-Audit-GmbH-\d{4}-\d\d-\d\d\.csv$/);
    const text = await readFile(await file.path(), 'utf8');
    assert.match(text, /^at,event,actorId,/);
    assert.ok(text.includes('schedule.paused') && text.includes('tenant.created') && text.includes(`'=1+1 ${MARKUP.replaceAll('"', '""')}`), text);
    await announced(page, 'Exported');
    await clean();
  });

  test('shows what a live restore wrote, and pages', async () => {
    const { page, context, clean } = await visit(browser, stack);
    const written = {
      at: '2026-11-21T10:31:04Z', event: 'restore.objects_written', actor: { userId: 'u', name: 'Anna Berg' }, runId: 'run_01JD00000000000000000008K2F', operation: 'restore.execute',
      target: { kind: 'backup_set', id: 'set_1', name: 'Baseline before 24H2' }, details: { reason: 'CHG0049120' },
      objects: [
        { policyId: 'pol_1', name: MARKUP, type: 'settings-catalog-policy', action: 'update', before: 'a41f0000000000', after: '9c02000000000' },
        { policyId: 'pol_2', name: 'New one', type: 'settings-catalog-policy', action: 'create', after: '77aa0000000' },
      ],
    };
    await context.route(/audit-events\?/, (route) => {
      const token = new URL(route.request().url()).searchParams.get('pageToken');
      return route.fulfill({ json: token === 'second' ? { items: [{ at: '2026-11-20T10:00:00Z', event: 'something.new', actor: { name: '' } }] } : { items: [written], nextPageToken: 'second' } });
    });
    await signIn(page, stack, user('operator'), `/t/${stack.tenant('contoso').id}/audit`);
    await page.getByRole('button', { name: '2 objects' }).click();
    await page.getByText('a41f0000', { exact: true }).waitFor();
    await page.getByRole('link', { name: MARKUP }).waitFor();
    await page.getByText('Reason: CHG0049120').waitFor();
    await check(page, 'audit-objects');
    await page.getByRole('button', { name: 'Next page' }).click();
    await rowOf(page, 'something.new').getByText('TenantAtlas').waitFor();
    await page.getByRole('button', { name: 'First page' }).click();
    await rowOf(page, 'Anna Berg').waitFor();
    await clean();
  });
});
