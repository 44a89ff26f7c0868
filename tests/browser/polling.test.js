// Pages keep themselves up to date, and leave the service alone when nobody looks,
// when somebody paused them, or when it does not answer.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { announced, check, launch, readStack, signIn, visit } from './support.js';
import { madeUp, tellOf } from './support/runs.js';

let stack;
let browser;

before(async () => {
  stack = readStack();
  browser = await launch();
});

after(() => browser?.close());

// open signs in with a clock that the test can turn forward.
async function open(options = {}, ...runs) {
  const visitor = await visit(browser, stack, options);
  await tellOf(visitor.context, ...runs);
  await visitor.page.clock.install();
  await signIn(visitor.page, stack, stack.userWith({ contoso: 'operator' }), `/t/${stack.tenant('contoso').id}/runs`);
  await visitor.page.getByRole('table').waitFor();
  return visitor;
}

const listed = (r) => /\/v1\/tenants\/[^/]+\/runs\?/.test(r.url());
const asks = (page) => page.waitForRequest(listed);

// quiet turns the clock and says how many questions of any kind came of it.
async function quiet(page, milliseconds) {
  let asked = 0;
  const count = (r) => r.url().includes('/v1/') && asked++;
  page.on('request', count);
  await page.clock.fastForward(milliseconds);
  // What would be asked is asked at once: a turn of the page's own loop is enough.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => resolve())));
  page.off('request', count);
  return asked;
}

async function hide(page, hidden) {
  await page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
}

test('a page asks again every 30 s, conditionally, and what did not change is not sent', async () => {
  const { page, clean } = await open();
  assert.equal(await quiet(page, 15_000), 0, 'asked too soon');
  const request = asks(page);
  await page.clock.fastForward(16_000);
  const asked = await request;
  assert.ok(asked.headers()['if-none-match'], 'asked without an entity tag');
  assert.equal((await asked.response()).status(), 304);
  await page.getByRole('table').waitFor();
  await clean();
});

test('while something runs it asks every 2 s', async () => {
  const { page, clean } = await open({}, madeUp(stack.tenant('contoso')));
  for (let i = 0; i < 5; i++) {
    const answer = page.waitForResponse((r) => r.url().includes('/v1/runs?active=true'));
    await page.clock.fastForward(2100);
    await answer;
  }
  await clean();
});

test('a hidden tab asks nothing, and asks at once when it is seen again', async () => {
  const { page, clean } = await open({}, madeUp(stack.tenant('contoso')));
  await hide(page, true);
  assert.equal(await quiet(page, 600_000), 0, 'a hidden tab asked');
  const request = asks(page);
  await hide(page, false);
  await request;
  await clean();
});

test('paused means paused: no question by itself, none on focus, kept over a reload', async () => {
  const { page, clean } = await open({}, madeUp(stack.tenant('contoso')));
  await page.getByRole('button', { name: 'Updating' }).click();
  await announced(page, /^Paused since/);
  await page.getByRole('button', { name: /^Paused since \d\d:\d\d$/ }).waitFor();
  await check(page, 'paused');
  await hide(page, true);
  await hide(page, false);
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  assert.equal(await quiet(page, 600_000), 0, 'a paused page asked');
  assert.match(await page.evaluate(() => localStorage.getItem('tenantatlas.choices')), /"pausedAt":"20/);
  const request = asks(page);
  await page.getByRole('button', { name: /^Paused since/ }).click();
  await request;
  await announced(page, 'Updating again');
  await clean();
});

test('when the service does not answer, the page says since when, waits longer each time, and recovers', async () => {
  const { page, context, clean } = await open({ expected: [/net::ERR_|status of 503/] });
  let asked = 0;
  await context.route('**/v1/**', (route) => {
    asked++;
    return route.abort('connectionrefused');
  });
  await page.clock.fastForward(31_000);
  const notice = page.locator('[data-standing]');
  await notice.getByText(/^Not updated since \d\d:\d\d\. Trying again in \d+ s\.$/).waitFor();
  assert.ok(await page.getByRole('table').isVisible(), 'what was read is gone');
  await check(page, 'unreachable');
  const soon = asked;
  assert.ok(soon >= 1);
  await context.unroute('**/v1/**');
  const request = asks(page);
  await page.getByRole('button', { name: 'Try now' }).click();
  await request;
  await notice.waitFor({ state: 'detached' });
  await clean();
});
