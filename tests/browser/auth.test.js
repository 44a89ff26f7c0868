// Signing in, staying signed in, and leaving: what keeps tokens and tenants from
// those whom they do not concern.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { check, fillSignIn, heading, launch, readStack, signIn, visit } from './support.js';
import { startIssuer, useIssuer } from './support/issuer.js';

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const operator = () => stack.userWith({ contoso: 'operator' });
// loner has one tenant, also while other tests add members to theirs.
const loner = () => stack.userWith({ fabrikam: 'owner' });
const runs = () => `/t/${stack.tenant('contoso').id}/runs`;
const stored = (page) => page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
const refuseTokens = async (context) => {
  await context.route('**/v1/**', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{"message":"Unauthorized"}' }));
  await context.route('**/oauth2/token', (route) => route.fulfill({ status: 400, contentType: 'application/json', body: '{"error":"invalid_grant"}' }));
};
const acceptTokens = async (context) => {
  await context.unroute('**/v1/**');
  await context.unroute('**/oauth2/token');
};

describe('before signing in', () => {
  test('the first page names the product and no tenant', async () => {
    const { page, clean } = await visit(browser, stack);
    await page.goto(stack.consoleUrl);
    await heading(page, 'TenantAtlas').waitFor();
    const text = await page.locator('body').innerText();
    assert.match(text, /Back up and restore Intune configuration\./);
    for (const t of stack.tenants) assert.ok(!text.includes(t.name), `${t.name} is named`);
    await check(page, 'signin');
    await clean();
  });

  test('an answer that nobody asked for signs nobody in', async () => {
    const { page, clean } = await visit(browser, stack);
    const sent = [];
    page.on('request', (r) => sent.push(r.url()));
    await page.goto(`${stack.consoleUrl}/callback?code=stolen&state=forged`);
    await page.getByText('This sign-in was started in another tab or too long ago.').waitFor();
    assert.equal(new URL(page.url()).search, '', 'the code stays in the address bar');
    assert.ok(!sent.some((url) => url.endsWith('/oauth2/token')), 'the code was exchanged');
    await check(page, 'callback-unfinished');
    await clean();
  });

  test('a page that is asked for leaves for sign-in twice at most', async () => {
    const { page, context, clean } = await visit(browser, stack);
    let left = 0;
    const back = `${stack.consoleUrl}${runs()}`;
    await context.route('**/oauth2/authorize*', (route) => {
      left++;
      return route.fulfill({ contentType: 'text/html', body: `<!doctype html><title>Bounce</title><meta http-equiv="refresh" content="0;url=${back}">` });
    });
    await page.goto(back);
    await page.getByText('Sign in to continue.').waitFor();
    assert.equal(left, 2);
    assert.equal(new URL(page.url()).searchParams.get('returnTo'), runs());
    await check(page, 'signin-again');
    await clean();
  });

  test('a return address elsewhere is not followed', async () => {
    const { page, clean } = await visit(browser, stack);
    await page.goto(`${stack.consoleUrl}/signin?returnTo=${encodeURIComponent('//evil.example/x')}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await fillSignIn(page, operator());
    await page.locator('header [data-account]').waitFor();
    assert.equal(new URL(page.url()).origin, new URL(stack.consoleUrl).origin);
    await clean();
  });
});

describe('a session', () => {
  test('returns to the page that was asked for, and leaves nothing in storage', async () => {
    const { page, clean } = await visit(browser, stack);
    const path = `${runs()}?status=succeeded&status=failed`;
    await signIn(page, stack, operator(), path);
    await heading(page, 'Runs').waitFor();
    assert.equal(page.url(), stack.consoleUrl + path);
    await page.getByRole('table').waitFor();
    assert.doesNotMatch(await stored(page), /eyJ|code_verifier|tenantatlas\.(?!choices)/, 'a token or a leftover of the sign-in is stored');

    // A reload forgets the tokens: the way leads over the provider and back.
    await page.reload();
    const password = page.locator('#password');
    const account = page.locator('header [data-account]');
    await password.or(account).first().waitFor();
    if (await password.isVisible()) await fillSignIn(page, operator());
    await heading(page, 'Runs').waitFor();
    assert.equal(page.url(), stack.consoleUrl + path);
    await clean();
  });

  test('goes on unnoticed when the access token is refused and renewed', async () => {
    const { page, clean } = await visit(browser, stack, { expected: [/status of 401/] });
    await signIn(page, stack, operator(), runs());
    await page.getByRole('table').waitFor();
    const tokens = [];
    page.on('request', (r) => r.url().includes('/v1/') && tokens.push(r.headers().authorization));
    let refused = 0;
    await page.route('**/v1/tenants/*/runs?*', async (route) => {
      if (refused++ === 0) await route.fulfill({ status: 401, contentType: 'application/json', body: '{"message":"Unauthorized"}' });
      else await route.continue();
    });
    const renewal = page.waitForRequest((r) => r.method() === 'POST' && r.url().endsWith('/oauth2/token'));
    const again = page.waitForResponse((r) => /\/v1\/tenants\/[^/]+\/runs\?/.test(r.url()) && r.status() < 400);
    await page.getByRole('button', { name: 'Status' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'Succeeded' }).click();
    assert.match((await renewal).postData(), /grant_type=refresh_token/);
    await again;
    await page.getByRole('table').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    assert.notEqual(tokens.at(-1), tokens[0], 'the new token is not used');
    await clean();
  });

  test('that is over asks to sign in beside, and keeps what was filled in', async () => {
    const { page, context, clean } = await visit(browser, stack, { expected: [/status of 40[01]/] });
    await signIn(page, stack, stack.userWith({ contoso: 'operator', fabrikam: 'restorer' }), `/t/${stack.tenant('contoso').id}`);
    await heading(page, 'contoso').waitFor();
    // Something half done, as a form of any page.
    await page.evaluate(() => {
      const input = document.createElement('input');
      input.id = 'half-done';
      document.querySelector('main').append(input);
    });
    await page.locator('#half-done').fill('CHG0049120');
    await refuseTokens(context);
    await page.getByRole('button', { name: 'Sync inventory' }).click();
    const dialog = page.getByRole('alertdialog');
    await dialog.getByText('Your session ended').waitFor();
    await check(page, 'session-ended');
    await page.keyboard.press('Escape');
    assert.ok(await dialog.isVisible(), 'the dialog can be closed without signing in');
    await acceptTokens(context);
    const opened = context.waitForEvent('page');
    await dialog.getByRole('button', { name: 'Sign in again' }).click();
    const beside = await opened;
    await fillSignIn(beside, stack.userWith({ contoso: 'operator', fabrikam: 'restorer' }));
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await page.locator('#half-done').inputValue(), 'CHG0049120');
    assert.doesNotMatch(await stored(page), /eyJ|code_verifier/);
    await page.getByRole('button', { name: 'Sync inventory' }).click();
    await page.locator('main').getByRole('link', { name: 'View run' }).waitFor();
    await clean();
  });

  test('of another person does not go on with the former one’s page', async () => {
    const { page, context, clean } = await visit(browser, stack, { expected: [/status of 40[01]/] });
    await signIn(page, stack, operator(), runs());
    await page.getByRole('table').waitFor();
    await refuseTokens(context);
    await page.keyboard.press('r');
    const dialog = page.getByRole('alertdialog');
    await dialog.waitFor();
    await acceptTokens(context);
    const opened = context.waitForEvent('page');
    await dialog.getByRole('button', { name: 'Sign in again' }).click();
    await fillSignIn(await opened, stack.userWith({ fabrikam: 'owner' }));
    await heading(page, 'fabrikam').waitFor();
    assert.ok(!(await page.locator('body').innerText()).includes('contoso'), 'the former person’s tenant is still named');
    await clean();
  });

  test('ends by signing out, and Back shows nothing of it', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, loner());
    await heading(page, 'fabrikam').waitFor();
    await page.locator('[data-account]').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await heading(page, 'Signed out').waitFor();
    assert.equal(new URL(page.url()).pathname, '/signed-out');
    await check(page, 'signed-out');
    await page.goBack();
    await page.getByRole('button', { name: 'Sign in' }).or(page.locator('#password')).first().waitFor();
    assert.equal(await page.locator('[data-account]').count(), 0);
    await clean();
  });
});

describe('a second provider', () => {
  test('is found by its name alone, and its answer is checked', async () => {
    // The API takes the tokens of the first one; this test is about the console.
    const first = await visit(browser, stack);
    const asked = first.page.waitForRequest((r) => r.url().endsWith('/v1/me'));
    await signIn(first.page, stack, loner());
    const accessToken = (await asked).headers().authorization.replace('Bearer ', '');
    await first.clean();

    const email = 'anna@second.example';
    const issuer = await startIssuer({ clientId: 'second-client', accessToken, email });
    const { page, context, clean } = await visit(browser, stack);
    await useIssuer(context, stack, issuer, 'second-client');
    await page.goto(stack.consoleUrl);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.locator('#go').click();
    await heading(page, 'fabrikam').waitFor();
    await page.getByRole('button', { name: `Account: ${email}` }).waitFor();
    assert.equal(issuer.requests.length, 1);
    assert.equal(issuer.requests[0].client_id, 'second-client');

    // It offers no way to sign out: the console forgets the tokens by itself.
    await page.locator('[data-account]').click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await heading(page, 'Signed out').waitFor();

    for (const wrong of [{ aud: 'somebody-else' }, { iss: 'https://evil.example' }, { nonce: 'replayed' }]) {
      issuer.claims = wrong;
      await page.goto(stack.consoleUrl);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('#go').click();
      await page.getByText('Sign-in did not succeed (id_token). Try again.').waitFor();
      assert.equal(await page.locator('[data-account]').count(), 0, `${JSON.stringify(wrong)} was accepted`);
    }
    await clean();
    await issuer.close();
  });
});
