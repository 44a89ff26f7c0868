// What the browser tests share: the running stack, the browser, a page that
// watches itself, signing in on the hosted page, axe, pictures.
//
// CONSOLE_DIST=…/console/dist serves the pages from that folder instead of from the
// running stack, with the stack's own headers: what was just built is tested
// without deploying it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = dirname(fileURLToPath(import.meta.url));
const local = join(here, '..', '..', '.local');
const axeSource = readFileSync(join(here, 'node_modules', 'axe-core', 'axe.min.js'), 'utf8');
const pictures = join(here, 'screenshots');

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
  const args = [
    '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    // A page that a test answers for may still talk to a provider on this machine.
    '--disable-features=LocalNetworkAccessChecks',
  ];
  if (process.env.CONSOLE_DIST) {
    const stack = readStack();
    args.push(`--host-resolver-rules=MAP ${new URL(stack.consoleUrl).host} 127.0.0.1:${await serve(stack, process.env.CONSOLE_DIST)}`);
  }
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0, args }); // the sandbox refuses to run for root
}

const kinds = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };

// serve stands between the browser and the stack: files come from a folder, all
// else from the stack. It returns its port.
async function serve(stack, folder) {
  const { headers } = await fetch(stack.consoleUrl);
  const { host, hostname, port } = new URL(stack.consoleUrl);
  const own = Object.fromEntries(['content-security-policy', 'cross-origin-opener-policy', 'x-content-type-options', 'referrer-policy'].map((n) => [n, headers.get(n)]));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, stack.consoleUrl);
    if (/^\/(v1|oauth2|login|logout|config\.json|favicon\.ico|[^/]+\/\.well-known)(\/|$)/.test(pathname)) {
      const onward = ask({ hostname, port, method: request.method, path: request.url, headers: { ...request.headers, host } }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
      return;
    }
    const path = extname(pathname) ? pathname : '/index.html';
    const file = join(folder, path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': kinds[extname(path)], 'Cache-Control': 'no-store', ...own }).end(readFileSync(file));
  });
  server.unref();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server.address().port;
}

// visit opens a page that records everything a visitor must never meet: errors
// in the console, exceptions, violations of the content security policy.
// "expected" are patterns of errors that a test provokes on purpose.
export async function visit(browser, stack, { expected = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US', ...options });
  context.setDefaultTimeout(20_000);
  const faults = [];
  const note = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  await context.exposeFunction('reportViolation', note);
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (e) => window.reportViolation(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  context.on('page', (page) => {
    // The provider's own page, on the same origin in the local stack, asks for an
    // icon that nobody has.
    page.on('console', (m) => {
      if (m.type() === 'error' && !m.location().url.endsWith('/favicon.ico')) note(`${m.text()} (${m.location().url})`);
    });
    page.on('pageerror', (err) => note(String(err.stack ?? err)));
  });
  const page = await context.newPage();
  return {
    page,
    context,
    // clean fails when the visitor met a fault, then closes the page.
    async clean() {
      await context.close();
      assert.deepEqual(faults, [], 'errors in the browser');
    },
  };
}

// signIn opens a page as a user: a deep link leaves for the provider by itself,
// the start page has a button.
export async function signIn(page, stack, user, path = '/') {
  await page.goto(stack.consoleUrl + path);
  const button = page.getByRole('button', { name: 'Sign in', exact: true });
  const password = page.locator('#password');
  await button.or(password).first().waitFor();
  if (await button.isVisible()) await button.click();
  await fillSignIn(page, user);
  await page.locator('header [data-account]').waitFor();
}

// fillSignIn fills in the provider's page.
export async function fillSignIn(page, user) {
  await page.locator('#password').waitFor();
  await page.locator('#username').fill(user.email);
  await page.locator('#password').fill(user.password);
  await page.locator('button[type=submit]').click();
}

// atRest waits until what fades in, or changes with the theme, has come to rest:
// colors on their way are nobody's.
const atRest = (page) =>
  page.waitForFunction(() => document.getAnimations().every((a) => a.playState !== 'running' || a.effect?.getComputedTiming().iterations === Infinity));

// COLORS are the rules that another theme may break: all others are about the same page.
const COLORS = { runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } };

// axe looks for violations of WCAG 2.2 AA and of best practice. Fluent's focus
// helpers alone are left out: they are hidden and take focus for a moment, which is
// their purpose.
export async function axe(page, name, rules = { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  await atRest(page);
  const { violations, passes } = await page.evaluate((options) => window.axe.run({ exclude: [['[data-tabster-dummy]']] }, options), rules);
  assert.ok(passes.length > (rules === COLORS ? 0 : 10), `${name}: axe looked at nothing`);
  assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((n) => `${n.html} ${n.failureSummary}`)]), [], `${name}: accessibility`);
}

// picture keeps a picture for people: screenshots/NAME.png.
export async function picture(page, name) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

// check takes pictures and looks with axe, in light and, at the colors, in dark.
export async function check(page, name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForFunction((scheme) => document.documentElement.style.colorScheme === scheme, colorScheme);
    await atRest(page);
    await picture(page, `${name}-${colorScheme}`);
    await axe(page, `${name}, ${colorScheme}`, colorScheme === 'dark' ? COLORS : undefined);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

// heading is the page's first heading.
export const heading = (page, name) => page.getByRole('heading', { level: 1, name });

// announced waits until a text was said to those who listen.
export const announced = (page, text) => page.locator('[data-announce]').filter({ hasText: text }).first().waitFor({ state: 'attached' });

// fits says whether nothing is wider than the window, once the page has taken its
// width: what measures itself does so a moment later.
export const fits = (page) =>
  page
    .waitForFunction(() => document.documentElement.scrollWidth <= innerWidth && (document.querySelector('main')?.scrollWidth ?? 0) <= innerWidth, null, { timeout: 3000 })
    .then(() => true, () => false);
