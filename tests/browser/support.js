// What the browser tests share: the running stack, the browser, a page that
// watches itself, signing in on the hosted page.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const local = join(here, '..', '..', '.local');
const axe = readFileSync(join(here, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');

// A run passes through an API, a queue, a worker and Graph's stand-in.
export const RUN_ENDS = 90_000;

export function readStack() {
  const file = process.env.STACK_FILE ?? join(local, 'stack.json');
  if (!existsSync(file)) throw new Error(`${file} is missing: the local stack is not up; start it with: make up`);
  const stack = JSON.parse(readFileSync(file, 'utf8'));
  const tenant = (name) => {
    const found = stack.tenants.find((t) => t.name === name);
    assert.ok(found, `the stack has no tenant ${name}`);
    return found;
  };
  // userWith finds a user by the exact roles held, such as { contoso: 'viewer' }.
  const userWith = (roles, platformAdmin = false) => {
    const wanted = Object.fromEntries(Object.entries(roles).map(([name, role]) => [tenant(name).id, role]));
    const found = stack.users.find((u) => u.platformAdmin === platformAdmin && same(u.roles ?? {}, wanted));
    assert.ok(found, `the stack has no user with the roles ${JSON.stringify(roles)}`);
    return found;
  };
  return { ...stack, tenant, userWith };
}

const same = (a, b) => Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([k, v]) => b[k] === v);

export async function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`Chromium is not at ${executablePath}. Install it (Debian: apt-get install chromium) or set CHROMIUM to its path.`);
  }
  return chromium.launch({
    executablePath,
    chromiumSandbox: process.getuid?.() !== 0, // the sandbox refuses to run for root
    args: ['--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

// visit opens a page that records everything a visitor must never meet: errors
// in the console, exceptions, violations of the content security policy.
// "expected" are patterns of errors that a test provokes on purpose.
export async function visit(browser, stack, { expected = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const faults = [];
  const note = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  // The provider's own page, on the same origin in the local stack, asks for an
  // icon that nobody has.
  page.on('console', (m) => {
    if (m.type() === 'error' && !m.location().url.endsWith('/favicon.ico')) note(`${m.text()} (${m.location().url})`);
  });
  page.on('pageerror', (err) => note(String(err.stack ?? err)));
  await page.exposeFunction('reportViolation', note);
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => window.reportViolation(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  return {
    page,
    // clean fails when the visitor met a fault, then closes the page.
    async clean() {
      await context.close();
      assert.deepEqual(faults, [], 'errors in the browser');
    },
  };
}

// signIn goes through the console's button and the provider's page.
export async function signIn(page, stack, user, path = '/') {
  await page.goto(stack.consoleUrl + path);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('#password').waitFor();
  await page.locator('#username').fill(user.email);
  await page.locator('#password').fill(user.password);
  await page.locator('button[type=submit]').click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

// check looks for violations of WCAG 2.2 AA and keeps a picture for people.
export async function check(page, name) {
  const folder = join(local, 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() =>
    window.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  assert.ok(passes.length > 10, `${name}: axe looked at nothing`);
  assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((n) => n.html)]), [], `${name}: accessibility`);
}

// runEnds waits until the run page shows a terminal state and returns it.
export async function runEnds(page) {
  const ended = page.locator('.badge').filter({ hasText: /^(Succeeded|Partial|Failed|Canceled)$/ });
  await ended.waitFor({ timeout: RUN_ENDS });
  return ended.textContent();
}
