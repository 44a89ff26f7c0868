// The console in a real browser, against a running local stack: what a signed-in
// administrator relies on.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { check, launch, readStack, runEnds, signIn, visit } from './support.js';

const POLICY = 'Windows custom: wireless and limits';
const TYPE = 'Custom profile (OMA-URI)';
const TYPE_ID = 'device-configuration-custom-oma';
// Numbers of that policy as Microsoft Graph writes them. A double holds none.
const EXACT = ['"large": 9007199254740993', '"exact": 1.10', '"tiny": 1E-7', '"value": 9223372036854775807', '"value": 0.10000000000000000001'];
const SECRET = /canary/i;

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const heading = (page, name) => page.getByRole('heading', { level: 1, name });
const policyRow = (page, name) => page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
const focused = (page) => page.evaluate(() => document.activeElement.textContent);

describe('before signing in', () => {
  test('the first page names the product and no tenant', async () => {
    const { page, clean } = await visit(browser, stack);
    await page.goto(stack.consoleUrl);
    await heading(page, 'TenantAtlas').waitFor();
    const text = await page.locator('body').innerText();
    assert.match(text, /Back up and restore Intune configuration\./);
    for (const t of stack.tenants) assert.ok(!text.includes(t.name), `${t.name} is named`);
    await check(page, 'sign-in');
    await clean();
  });

  test('an answer that nobody asked for signs nobody in', async () => {
    const { page, clean } = await visit(browser, stack);
    const sent = [];
    page.on('request', (r) => sent.push(r.url()));
    await page.goto(`${stack.consoleUrl}/auth/callback?code=stolen&state=forged`);
    await page.getByText('This sign-in was started in another tab or too long ago.').waitFor();
    assert.equal(new URL(page.url()).search, '', 'the code stays in the address bar');
    assert.ok(!sent.some((url) => url.endsWith('/oauth2/token')), 'the code was exchanged');
    await clean();
  });
});

describe('an operator', () => {
  test('syncs, captures a policy by clicking, and reads it to the digit', async () => {
    const tenant = stack.tenant('contoso');
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));

    // One membership: no detour over a list.
    await heading(page, tenant.name).waitFor();
    assert.equal(new URL(page.url()).pathname, `/t/${tenant.id}`);
    assert.equal(await page.title(), `${tenant.name} – TenantAtlas`);

    await page.getByRole('button', { name: 'Sync inventory' }).click();
    await page.locator('.answers').getByRole('link', { name: 'View run' }).click();
    await heading(page, 'Inventory sync').waitFor();
    assert.equal(await runEnds(page), 'Succeeded');
    // One item for each collection of Microsoft Graph that is listed.
    const counts = await page.getByText(/^\d+ of \d+ done/).textContent();
    const [done, total] = counts.match(/\d+/g).map(Number);
    assert.ok(done === total && total > 40, counts);
    await page.locator('.items li').filter({ hasText: 'Endpoint security policy (older kind)' }).getByText('2 policies').waitFor();
    await check(page, 'run-sync');
    await page.goBack();

    await page.getByRole('searchbox', { name: 'Search by name' }).fill('wireless');
    await page.waitForURL('**?q=wireless');
    await page.getByRole('combobox', { name: 'Type' }).selectOption({ label: TYPE });
    await page.waitForURL(`**?q=wireless&type=${TYPE_ID}`);
    await page.getByText('1 policy', { exact: true }).waitFor();
    await policyRow(page, POLICY).waitFor();
    await check(page, 'tenant');

    await page.getByRole('button', { name: `Capture ${POLICY}` }).click();
    await policyRow(page, POLICY).getByText(/Queued\.|This is already running\./).waitFor();
    await page.locator('#activity').getByRole('link', { name: new RegExp(POLICY) }).waitFor();
    await policyRow(page, POLICY).getByRole('link', { name: 'View run' }).click();

    await heading(page, new RegExp(POLICY)).waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    assert.match(await focused(page), new RegExp(POLICY));
    assert.equal(await runEnds(page), 'Succeeded');
    await page.getByText('1 of 1 done').waitFor();
    await page.locator('.items').getByText('Succeeded').waitFor();
    await check(page, 'run');

    await page.getByRole('link', { name: 'Open policy' }).click();
    await heading(page, POLICY).waitFor();
    await page.locator('pre').waitFor();
    const content = await page.locator('pre').innerText();
    for (const text of EXACT) assert.ok(content.includes(text), `${text} is not in the content`);
    assert.doesNotMatch(await page.content(), SECRET);
    await check(page, 'policy');
    await clean();
  });

  test('finds each policy type in its family, and reads what of a version can be written back', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    const families = await page.locator('#policy-type optgroup').evaluateAll((all) => all.map((g) => [g.label, g.children.length]));
    assert.ok(families.length > 8 && families.every(([label, types]) => label !== 'Other' && types > 0), JSON.stringify(families));
    assert.ok(families.reduce((n, [, types]) => n + types, 0) > 60, 'types are missing');
    await page.getByRole('combobox', { name: 'Type' }).selectOption({ label: 'Endpoint security policy (older kind)' });
    await page.waitForURL('**?type=device-management-intent');
    const name = 'ACSC Windows Hardening Guidelines-Attack Surface Reduction';
    await policyRow(page, name).waitFor();
    await check(page, 'type-filter');
    await page.getByRole('button', { name: `Capture ${name}` }).click();
    await page.locator('#activity').getByText('Succeeded').waitFor({ timeout: 90_000 });
    await policyRow(page, name).getByRole('link', { name, exact: true }).click();
    await page.getByRole('cell', { name: /^Complete\s*Kept and compared, not written back\. Microsoft has ended/ }).waitFor();
    await check(page, 'restorability');
    await clean();
  });

  test('sees a capture end without touching the page', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }), `/t/${stack.tenant('contoso').id}?q=wireless`);
    await policyRow(page, POLICY).waitFor();
    await page.getByRole('button', { name: `Capture ${POLICY}` }).click();
    const bar = page.locator('#activity');
    await bar.getByText('Succeeded').waitFor({ timeout: 90_000 });
    await page.locator('#announce').filter({ hasText: 'Succeeded' }).waitFor();
    await policyRow(page, POLICY).getByText('just now').waitFor();
    await clean();
  });

  test('finds the end of a run among the notifications and marks all as read', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    await page.getByRole('link', { name: /^Notifications \(\d/ }).click();
    await heading(page, 'Notifications').waitFor();
    await page.locator('.items').getByText(POLICY).first().waitFor();
    await check(page, 'notifications');
    await page.getByRole('button', { name: 'Mark all as read' }).click();
    await page.getByText('Nothing is unread.').waitFor();
    await page.getByRole('link', { name: 'Notifications', exact: true }).waitFor();
    await page.getByRole('link', { name: 'View run' }).first().click();
    await page.locator('.badge').waitFor();
    await clean();
  });

  test('is asked to sign in again after a reload, and comes back to the same page', async () => {
    const { page, clean } = await visit(browser, stack);
    const user = stack.userWith({ contoso: 'operator' });
    const path = `/t/${stack.tenant('contoso').id}?q=wireless&type=${TYPE_ID}`;
    await signIn(page, stack, user, path);
    await policyRow(page, POLICY).waitFor();
    assert.equal(page.url(), stack.consoleUrl + path);
    const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.doesNotMatch(stored, /eyJ|tenantatlas\.signin/, 'a token or a leftover of the sign-in is stored');

    await page.reload();
    await page.getByText('Sign in to continue.').waitFor();
    assert.equal(page.url(), stack.consoleUrl + path);
    await signIn(page, stack, user, path);
    await policyRow(page, POLICY).waitFor();
    assert.equal(page.url(), stack.consoleUrl + path);
    await clean();
  });

  test('notices nothing when the access token is renewed', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 401/] });
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    await heading(page, 'contoso').waitFor();
    const first = page.waitForRequest((r) => r.url().includes('/policies'));
    let refused = 0;
    await page.route('**/v1/tenants/*/policies?*', async (route) => {
      if (refused++ === 0) await route.fulfill({ status: 401, contentType: 'application/json', body: '{"message":"Unauthorized"}' });
      else await route.continue();
    });
    const renewal = page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/oauth2/token'));
    await page.getByRole('searchbox').fill('wireless');
    const asked = await first;
    assert.match((await renewal).postData(), /grant_type=refresh_token/);
    await policyRow(page, POLICY).waitFor();
    const again = await page.waitForRequest((r) => r.url().includes('/v1/'), { timeout: 40_000 });
    assert.notEqual(again.headers().authorization, asked.headers().authorization, 'the new token is not used');
    await clean();
  });

  test('is told when the session is over', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 40[01]/] });
    const path = `/t/${stack.tenant('contoso').id}`;
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }), path);
    await page.getByRole('table').first().waitFor();
    await page.route('**/v1/**', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{"message":"Unauthorized"}' }));
    await page.route('**/oauth2/token', (route) => route.fulfill({ status: 400, contentType: 'application/json', body: '{"error":"invalid_grant"}' }));
    await page.getByRole('searchbox').fill('a');
    await page.getByText('Your session ended. Sign in again.').waitFor();
    assert.equal(await page.getByRole('table').count(), 0, 'data of the session is still shown');
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await clean();
  });

  test('can try again after a failure, and can name the request', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 500/] });
    await page.route('**/v1/tenants/*/policies?*', (route) =>
      route.fulfill({
        status: 500, contentType: 'application/problem+json',
        body: JSON.stringify({ code: 'internal', status: 500, detail: 'A fault on our side; nothing was started. Try again.', requestId: 'req_for_support' }),
      }),
    );
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    await page.getByText('req_for_support').waitFor();
    await page.locator('#runs-title').waitFor(); // the rest of the page is there
    await check(page, 'error');
    await page.unroute('**/v1/tenants/*/policies?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await policyRow(page, POLICY).waitFor();
    await clean();
  });

  test('starts one run however often the answer is lost', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/net::ERR_/] });
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }), `/t/${stack.tenant('contoso').id}?q=wireless`);
    await policyRow(page, POLICY).waitFor();
    const keys = [];
    const runs = [];
    await page.route('**/snapshots', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      const answer = await route.fetch();
      runs.push((await answer.json()).id);
      if (keys.length < 3) await route.abort('connectionreset');
      else await route.fulfill({ response: answer });
    });
    await page.getByRole('button', { name: `Capture ${POLICY}` }).click();
    await policyRow(page, POLICY).getByText(/Queued\.|This is already running\./).waitFor();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1, 'a repeated start had a new key');
    assert.equal(new Set(runs).size, 1, 'a repeated start made another run');
    await clean();
  });

  test('sees a run wait for Microsoft Graph and cancels it', async () => {
    const tenant = stack.tenant('fabrikam');
    const faults = `${stack.graph.adminUrl}/v1/faults`;
    await fetch(faults, { method: 'POST', body: JSON.stringify({ tenant: tenant.graphTenantId, kind: 'read', status: 429, retryAfter: '600' }) });
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator', fabrikam: 'restorer' }), `/t/${tenant.id}`);
    await page.getByRole('button', { name: 'Sync inventory' }).click();
    await page.locator('.answer').getByRole('link', { name: 'View run' }).first().click();
    await page.locator('.sentence').getByText(/^Waiting for Microsoft Graph until/).waitFor();
    await check(page, 'run-waiting');
    await page.getByRole('button', { name: 'Cancel run' }).click();
    assert.equal(await runEnds(page), 'Canceled');
    await page.locator('.sentence').getByText(/canceled the run after/).waitFor();
    await page.getByText('The run was canceled before this item. It was not touched.').first().waitFor();
    assert.equal(await page.getByRole('button', { name: 'Cancel run' }).count(), 0);
    await check(page, 'run-canceled');
    await fetch(faults, { method: 'DELETE' });
    await clean();
  });

  test('signs out', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    assert.equal(page.url(), `${stack.consoleUrl}/`);
    await page.goBack();
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
    await clean();
  });
});

describe('roles and tenants', () => {
  test('a viewer reads, and is told what a command needs', async () => {
    const { page, clean } = await visit(browser, stack);
    const posts = [];
    page.on('request', (r) => r.method() === 'POST' && r.url().includes('/v1/') && posts.push(r.url()));
    await signIn(page, stack, stack.userWith({ contoso: 'viewer' }));
    await page.getByText('Needs operator. Ask an owner.').first().waitFor();
    await policyRow(page, POLICY).waitFor();
    for (const name of ['Sync inventory', 'Test connection', `Capture ${POLICY}`]) {
      const button = page.getByRole('button', { name });
      assert.equal(await button.getAttribute('aria-disabled'), 'true', name);
      const why = await button.evaluate((el) => document.getElementById(el.getAttribute('aria-describedby')).textContent);
      assert.equal(why, 'Needs operator. Ask an owner.', name);
      // Reachable, so that the reason can be heard; but it does nothing.
      await button.focus();
      await page.keyboard.press('Enter');
    }
    assert.deepEqual(posts, []);
    await check(page, 'viewer');
    await clean();
  });

  test('who manages two tenants switches between them', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'operator', fabrikam: 'restorer' }));
    await heading(page, 'Tenants').waitFor();
    await check(page, 'tenants');
    await page.getByRole('link', { name: 'contoso', exact: true }).click();
    await heading(page, 'contoso').waitFor();
    await page.getByRole('combobox', { name: 'Tenant' }).selectOption({ label: '\u2068fabrikam\u2069' });
    await heading(page, 'fabrikam').waitFor();
    assert.equal(new URL(page.url()).pathname, `/t/${stack.tenant('fabrikam').id}`);
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    await page.goBack();
    await heading(page, 'contoso').waitFor();
    await clean();
  });

  test('who belongs to no tenant is told so', async () => {
    const { page, clean } = await visit(browser, stack);
    const user = stack.userWith({});
    await signIn(page, stack, user);
    await page.getByText(`You are signed in as ${user.email}. No tenant gave you access yet.`).waitFor();
    await page.getByText(user.userId).waitFor();
    await check(page, 'no-tenant');
    await clean();
  });

  test('a foreign tenant and one that does not exist look the same', async () => {
    const texts = [];
    for (const id of [stack.tenant('contoso').id, 'ten_00000000000000000000000000']) {
      const { page, clean } = await visit(browser, stack, { expected: [/status of 403/] });
      await signIn(page, stack, stack.userWith({ fabrikam: 'owner' }), `/t/${id}`);
      await page.getByText('You have no access to this tenant, or it does not exist.').waitFor();
      texts.push((await page.locator('main').innerText()).replace(/req_\w+/g, ''));
      await clean();
    }
    assert.equal(texts[0], texts[1]);
  });
});

describe('the page', () => {
  test('fits a telephone, in the dark', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true });
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    await policyRow(page, POLICY).waitFor();
    const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth && document.querySelector('main').scrollWidth <= innerWidth);
    assert.ok(await fits(), 'the tenant page scrolls sideways');
    await check(page, 'telephone-tenant');
    await page.getByRole('link', { name: POLICY, exact: true }).click();
    await page.locator('pre').waitFor();
    assert.ok(await fits(), 'the policy page scrolls sideways');
    await check(page, 'telephone-policy');
    await clean();
  });

  test('can be used by keyboard alone', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ contoso: 'viewer' }));
    await policyRow(page, POLICY).waitFor();
    await page.evaluate(() => document.body.focus());
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    // From there every command and link comes in the order of the page.
    const reached = [];
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim()));
    }
    for (const name of ['Sync inventory', 'Test connection', 'policy-search', 'policy-type']) assert.ok(reached.includes(name), `${name} was not reached: ${reached}`);
    await clean();
  });

  test('shows hostile names and contents as the text they are', async () => {
    const hostile = `<img src=x onerror="document.title='taken'">\u202Eegnahc${'x'.repeat(260)}`;
    const { page, clean } = await visit(browser, stack);
    await page.route('**/v1/tenants/*/policies?*', async (route) => {
      const answer = await route.fetch();
      const body = await answer.json();
      body.items = body.items.slice(0, 2);
      body.items[0].name = hostile;
      body.items[1].name = 'مدير الأجهزة (كشك)';
      await route.fulfill({ response: answer, json: body });
    });
    await signIn(page, stack, stack.userWith({ contoso: 'operator' }));
    const link = page.locator('bdi', { hasText: 'onerror' }).first();
    await link.waitFor();
    assert.equal(await link.evaluate((el) => el.textContent), hostile);
    assert.equal(await page.locator('main img').count(), 0);
    assert.notEqual(await page.title(), 'taken');
    assert.ok(await page.evaluate(() => document.querySelector('main').scrollWidth <= innerWidth), 'a long name widens the page');
    await check(page, 'hostile-names');
    await clean();
  });
});
