// How long the page is kept from answering, from the browser's own trace: of each task
// of the page's main thread the part above 50 ms. It counts the thread's processor
// time, so that a busy machine does not make it more.
const LONG = 50;

/** blockedBy runs an action to its end and returns the blocking in milliseconds, and the longest task. */
export async function blockedBy(browser, page, act) {
  await browser.startTracing(page, { categories: ['toplevel', 'disabled-by-default-devtools.timeline', 'devtools.timeline', '__metadata'] });
  try {
    await act();
    // What the action brought on screen is painted.
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  } finally {
    page.trace = JSON.parse((await browser.stopTracing()).toString());
  }
  const { traceEvents } = page.trace;
  delete page.trace;
  const main = new Set(traceEvents.filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain').map((e) => `${e.pid} ${e.tid}`));
  // Other pages of the browser are idle: the busiest of the main threads is this page's.
  const tasks = new Map();
  for (const e of traceEvents) {
    const thread = `${e.pid} ${e.tid}`;
    if (e.ph === 'X' && main.has(thread) && /RunTask$/.test(e.name)) tasks.set(thread, [...(tasks.get(thread) ?? []), (e.tdur ?? e.dur ?? 0) / 1000]);
  }
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const own = [...tasks.values()].sort((a, b) => sum(b) - sum(a))[0] ?? [];
  if (own.length === 0) throw new Error('the trace shows no task of the page');
  return { blocked: Math.round(sum(own.map((ms) => Math.max(0, ms - LONG)))), longest: Math.round(Math.max(...own)), busy: Math.round(sum(own)) };
}
