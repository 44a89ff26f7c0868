// The frame: who may see what, moving about by pointer, keyboard and finger, and
// how it looks.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { check, fits, heading, launch, readStack, signIn, visit } from './support.js';

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

const operator = () => stack.userWith({ contoso: 'operator' });
const msp = () => stack.userWith({ contoso: 'operator', fabrikam: 'restorer' });
const home = (name = 'contoso') => `/t/${stack.tenant(name).id}`;
const focused = (page) => page.evaluate(() => (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent).trim());
const switcher = (page) => page.locator('[data-switcher]');

describe('tenants', () => {
  test('one membership leads straight to it', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ fabrikam: 'owner' })); // nobody makes this user a member of more
    await heading(page, 'fabrikam').waitFor();
    assert.equal(new URL(page.url()).pathname, home('fabrikam'));
    assert.equal(await page.title(), 'fabrikam – TenantAtlas');
    await clean();
  });

  test('who manages two switches between them and stays in the section', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, msp());
    await heading(page, 'All tenants').waitFor();
    await check(page, 'tenants');
    await page.getByRole('table').getByRole('link', { name: 'contoso', exact: true }).click();
    await heading(page, 'contoso').waitFor();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Runs' }).click();
    await heading(page, 'Runs').waitFor();
    await page.waitForFunction(() => document.activeElement?.tagName === 'H1');
    assert.equal(await page.title(), 'Runs – contoso – TenantAtlas');

    await switcher(page).click();
    const choice = page.getByRole('dialog', { name: 'Choose a tenant' });
    await choice.getByRole('searchbox').fill('fabri');
    await check(page, 'switcher-search');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    assert.match(await focused(page), /^fabrikam/);
    await page.keyboard.press('Enter');
    await page.waitForURL(`**${home('fabrikam')}/runs`);
    await heading(page, 'Runs').waitFor();
    assert.equal(await page.title(), 'Runs – fabrikam – TenantAtlas');

    // A favorite stays one.
    await switcher(page).click();
    await choice.getByRole('list', { name: 'Recent' }).getByRole('button', { name: 'Add fabrikam to favorites' }).click();
    await choice.getByRole('list', { name: 'Favorites' }).getByRole('button', { name: 'fabrikam', exact: true }).waitFor();
    await check(page, 'switcher');
    await page.keyboard.press('Escape');
    await choice.waitFor({ state: 'detached' });
    await page.goBack();
    await heading(page, 'Runs').waitFor();
    assert.equal(await page.title(), 'Runs – contoso – TenantAtlas');
    await clean();
  });

  test('who belongs to none is told so', async () => {
    const { page, clean } = await visit(browser, stack);
    const user = stack.userWith({});
    await signIn(page, stack, user);
    await page.getByText(`You are signed in as ${user.email}. No tenant gave you access yet.`).waitFor();
    await page.getByText(user.userId).waitFor();
    await check(page, 'no-tenant');
    await clean();
  });

  test('a foreign one and one that does not exist look the same', async () => {
    const texts = [];
    for (const id of [stack.tenant('contoso').id, 'ten_00000000000000000000000000']) {
      const { page, clean } = await visit(browser, stack, { expected: [/status of 403/] });
      await signIn(page, stack, stack.userWith({ fabrikam: 'owner' }), `/t/${id}/policies`);
      await page.getByText('You have no access to this tenant, or it does not exist.').waitFor();
      texts.push((await page.locator('main').innerText()).replace(/req_\w+/g, ''));
      assert.equal(await page.getByRole('table').count(), 0);
      await check(page, 'forbidden');
      await clean();
    }
    assert.equal(texts[0], texts[1]);
  });

  test('a viewer is told what a command needs, and it does nothing', async () => {
    const { page, clean } = await visit(browser, stack);
    const posts = [];
    page.on('request', (r) => r.method() === 'POST' && r.url().includes('/v1/') && posts.push(r.url()));
    await signIn(page, stack, stack.userWith({ contoso: 'viewer' }), home());
    const button = page.getByRole('button', { name: 'Sync inventory' });
    await button.waitFor();
    assert.equal(await button.getAttribute('aria-disabled'), 'true');
    const why = await button.evaluate((el) => document.getElementById(el.getAttribute('aria-describedby')).textContent);
    assert.equal(why, 'Needs operator. Ask an owner.');
    await button.focus();
    await page.keyboard.press('Enter');
    await button.click({ force: true });
    assert.deepEqual(posts, []);
    await check(page, 'viewer');
    await clean();
  });

  test('an address that names no page says so', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, stack.userWith({ fabrikam: 'owner' }), `${home('fabrikam')}/nonsense`);
    await heading(page, 'Page not found').waitFor();
    await check(page, 'not-found');
    await page.locator('main').getByRole('link', { name: 'Go to the start page' }).click();
    await heading(page, 'fabrikam').waitFor();
    await clean();
  });
});

describe('the keyboard', () => {
  test('skips to the content, and every command comes in the order of the page', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), `${home()}/runs`);
    await page.getByRole('table').waitFor();
    await page.keyboard.press('Tab');
    assert.equal(await focused(page), 'Skip to content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    const reached = [];
    for (let i = 0; i < 12 && !/“|Inventory sync/.test(reached.at(-1) ?? ''); i++) {
      await page.keyboard.press('Tab');
      reached.push(await focused(page));
    }
    assert.deepEqual(reached.slice(0, 3), ['Status', 'Operation', 'Started by']);
    assert.match(reached.at(-1), /“|Inventory sync/, `after the filters comes the first row: ${reached}`);
    await clean();
  });

  test('moves by single keys, not while typing, and not when they are turned off', async () => {
    const { page, clean } = await visit(browser, stack);
    await signIn(page, stack, operator(), home());
    await heading(page, 'contoso').waitFor();
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await sheet.waitFor();
    await check(page, 'shortcuts');
    await page.keyboard.press('g');
    await page.keyboard.press('r');
    assert.ok(await sheet.isVisible(), 'keys reach through a dialog');
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });

    await page.keyboard.press('g');
    await page.keyboard.press('r');
    await heading(page, 'Runs').waitFor();
    await page.getByRole('table').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    const second = await page.locator('main [data-row]').nth(1).getByRole('link').innerText();
    assert.equal(await focused(page), second);
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.waitForURL('**/runs/run_*');
    await page.keyboard.press('Escape');
    await heading(page, 'Runs').waitFor();

    await page.keyboard.press('g');
    await page.keyboard.press('t');
    const choice = page.getByRole('dialog', { name: 'Choose a tenant' });
    await choice.getByRole('searchbox').fill('g p ? j');
    assert.equal(await choice.getByRole('searchbox').inputValue(), 'g p ? j');
    await page.keyboard.press('Escape');

    await page.locator('[data-account]').click();
    await page.getByRole('menuitemcheckbox', { name: 'Single-key shortcuts' }).click();
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    assert.match(page.url(), /\/runs$/);
    assert.equal(await sheet.count(), 0);
    await clean();
  });
});

describe('looks', () => {
  test('the theme and the time format are chosen once', async () => {
    const { page, clean } = await visit(browser, stack, { colorScheme: 'light' });
    await signIn(page, stack, operator(), `${home()}/runs`);
    await page.getByRole('table').waitFor();
    await page.locator('[data-account]').click();
    await check(page, 'account-menu');
    await page.getByRole('menuitemradio', { name: 'Absolute' }).click();
    await page.locator('[data-account]').click();
    await page.getByRole('menuitemradio', { name: 'Dark', exact: true }).click();
    await page.waitForFunction(() => document.documentElement.style.colorScheme === 'dark');
    assert.match(await page.locator('main time').first().innerText(), /^\d{1,2} \w{3} \d{4}, \d\d:\d\d$/);
    const kept = await page.evaluate(() => JSON.parse(localStorage.getItem('tenantatlas.choices')));
    assert.deepEqual([kept.theme, kept.times], ['dark', 'absolute']);
    await page.locator('[data-account]').click();
    await page.getByRole('menuitemradio', { name: 'High contrast' }).click();
    await page.waitForFunction(() => getComputedStyle(document.querySelector('.root')).backgroundColor === 'rgb(0, 0, 0)');
    await clean();
  });

  test('everything fits a telephone and 320 pixels', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 320, height: 640 }, hasTouch: true });
    await signIn(page, stack, operator(), `${home()}/runs`);
    await page.locator('main [data-row]').first().waitFor();
    assert.ok(await fits(page), 'the list scrolls sideways');
    await check(page, 'runs-320');
    await page.getByRole('button', { name: 'Menu', exact: true }).click();
    const nav = page.getByRole('navigation', { name: 'Pages' });
    await nav.getByRole('link', { name: 'Policies' }).waitFor();
    await check(page, 'drawer-320');
    await nav.getByRole('link', { name: 'Policies' }).click();
    await heading(page, 'Policies').waitFor();
    await nav.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: /^Notifications/ }).click();
    await heading(page, 'Notifications').waitFor();
    await page.locator('main ul > li').first().waitFor();
    assert.ok(await fits(page), 'the notifications scroll sideways');
    await check(page, 'notifications-320');
    await page.locator('[data-account]').click();
    await page.getByRole('menuitem', { name: 'Keyboard shortcuts' }).click();
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await check(page, 'shortcuts-320');
    await clean();
  });

  test('at middle width the navigation is icons, and opens over the page', async () => {
    const { page, clean } = await visit(browser, stack, { viewport: { width: 1024, height: 768 } });
    await signIn(page, stack, operator(), `${home()}/runs`);
    await page.locator('main [data-row]').first().waitFor();
    const nav = page.getByRole('navigation', { name: 'Pages' });
    assert.equal((await nav.boundingBox()).width, 48);
    await check(page, 'runs-1024');
    await page.getByRole('button', { name: 'Menu', exact: true }).click();
    await page.waitForFunction(() => document.querySelector('nav[data-open=true]') !== null);
    assert.equal((await nav.boundingBox()).width, 280);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('nav[data-open=true]') === null);
    await clean();
  });

  test('colors that the system forces are kept', async () => {
    const { page, clean } = await visit(browser, stack, { forcedColors: 'active' });
    await signIn(page, stack, operator(), `${home()}/runs`);
    await page.locator('main [data-row]').first().waitFor();
    assert.ok(await fits(page));
    await clean();
  });
});

test('the first page loads at most 300 kB of compressed script', async () => {
  const { page, clean } = await visit(browser, stack);
  const scripts = new Map(); // sign-in loads the page twice, from the browser's cache the second time
  page.on('response', (r) => {
    const { pathname } = new URL(r.url());
    if (pathname.startsWith('/assets/') && pathname.endsWith('.js')) scripts.set(pathname, r.body().then((body) => gzipSync(body).length).catch(() => scripts.get(pathname)));
  });
  await signIn(page, stack, operator(), `${home()}/runs`);
  await page.getByRole('table').waitFor();
  const total = (await Promise.all(scripts.values())).reduce((a, b) => a + b, 0);
  console.log(`${scripts.size} scripts, ${Math.round(total / 1000)} kB compressed`);
  assert.ok(scripts.size > 3 && total > 100_000 && total <= 300_000, `${total} bytes`);
  await clean();
});
