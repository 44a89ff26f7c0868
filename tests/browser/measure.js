// Measures how soon the console can be used by who comes for the first time, on a
// fast 3G network (1.6 Mbit/s down, 768 kbit/s up, 150 ms there and back) and a
// processor four times slower than this one, against the running local stack:
//
//   node tests/browser/measure.js [TIMES]
//
// It prints the section "Console" of docs/benchmarks.md.
import { gzipSync } from 'node:zlib';
import { launch, readStack, fillSignIn, visit } from './support.js';

const times = Number(process.argv[2] ?? 7);
const stack = readStack();
const browser = await launch();
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

async function slowPage() {
  const visitor = await visit(browser, stack);
  const wire = await visitor.context.newCDPSession(visitor.page);
  await wire.send('Network.enable');
  await wire.send('Network.emulateNetworkConditions', { offline: false, latency: 150, downloadThroughput: 1_600_000 / 8, uploadThroughput: 768_000 / 8 });
  await wire.send('Emulation.setCPUThrottlingRate', { rate: 4 });
  await visitor.page.addInitScript(() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((e) => e.startTime + e.duration))).observe({ type: 'longtask', buffered: true });
  });
  return visitor;
}

// usable is when something is painted and nothing long is being computed any more:
// the moment from which a click is answered at once.
async function usable(page, shown) {
  await shown.waitFor();
  return page.evaluate(
    () =>
      new Promise((resolve) => {
        requestAnimationFrame(() =>
          setTimeout(() => {
            const painted = performance.now();
            // Long tasks are told of when they have ended: wait until none was for a while.
            setTimeout(() => resolve(Math.max(painted, ...window.tasks)), 1500);
          }),
        );
      }),
  );
}

const start = [];
const runs = [];
let scripts = 0;
let bytes = 0;
for (let i = 0; i < times; i++) {
  const { page, clean } = await slowPage();
  const loaded = new Map();
  page.on('response', (r) => {
    const { pathname } = new URL(r.url());
    if (/^\/assets\/.*\.js$/.test(pathname)) loaded.set(pathname, r.body().then((b) => gzipSync(b).length).catch(() => 0));
  });
  await page.goto(stack.consoleUrl);
  start.push(await usable(page, page.getByRole('button', { name: 'Sign in', exact: true })));
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await fillSignIn(page, stack.userWith({ fabrikam: 'owner' }));
  await page.locator('header [data-account]').waitFor();
  runs.push(await usable(page, page.locator('main h1')));
  const sizes = await Promise.all(loaded.values());
  scripts = sizes.length;
  bytes = sizes.reduce((a, b) => a + b, 0);
  await clean();
}
await browser.close();

const seconds = (list) => `${(median(list) / 1000).toFixed(2)} s | ${(Math.max(...list) / 1000).toFixed(2)} s`;
console.log(`## Console

A new visitor's browser (nothing cached), fast 3G (1.6 Mbit/s, 150 ms), a processor four times slower than this machine's, against the local stack, ${times} times. Usable: painted, and no long task any more. The second row begins when the provider sends the browser back.

| what | aim | median | worst |
|---|--:|--:|--:|
| the first page, from nothing, until it can be used | 2.00 s | ${seconds(start)} |
| signed in, until the overview can be used | 2.00 s | ${seconds(runs)} |

Script until then: ${(bytes / 1000).toFixed(0)} kB compressed, in ${scripts} files (aim 300 kB).`);
