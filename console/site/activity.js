// Follows my own runs until they end, in every tenant: one poll feeds the bar
// at the bottom, the announcements, the notification count and the pages.
import { ApiError, get, tenantPath, watched } from './api.js';
import { announce, bdi, fill, h, icon, link } from './dom.js';
import { poll } from './poll.js';
import { operationTitle, texts } from './texts.js';

const BUSY = 2000;
const IDLE = 30_000;
const HOLD = 10_000; // ms that an ended run stays in the bar

export const terminal = (run) => !['queued', 'running'].includes(run.status);
export const runHref = (run) => `/t/${run.tenantId}/runs/${run.id}`;

// display is the state that people are shown: waiting is a running run's.
export const display = (run) => (run.status === 'running' && run.waiting ? 'waiting' : run.status);

export function runTitle(run) {
  const [what, name] = operationTitle(run.operation, run.target);
  return name ? [`${what} “`, bdi(name, { class: 'name' }), '”'] : [what];
}

export function runTitleText(run) {
  const [what, name] = operationTitle(run.operation, run.target);
  return name ? `${what} “${name}”` : what;
}

export function status(run) {
  const name = display(run);
  return h('span', { class: `status ${name}` }, icon(name), texts.statuses[name] ?? name);
}

export function createActivity(bar, signal) {
  const runs = new Map(); // id → run; ended ones for HOLD
  const listeners = new Set();
  const starters = new Set();
  const active = watched('/v1/runs?active=true&pageSize=20');
  let listed = [];

  const poller = poll(
    async () => {
      const body = await active.next(signal);
      if (body) listed = body.items;
      const seen = new Set();
      for (const run of listed) {
        seen.add(run.id);
        if (!runs.has(run.id) || !terminal(runs.get(run.id))) runs.set(run.id, run);
      }
      // A run that left the list has ended, or is not in the index yet.
      for (const run of [...runs.values()]) {
        if (seen.has(run.id) || terminal(run)) continue;
        await look(run);
      }
      draw();
      return [...runs.values()].some((r) => !terminal(r)) ? BUSY : IDLE;
    },
    { signal },
  );

  async function look(run) {
    try {
      const now = await get(`${tenantPath(run.tenantId)}/runs/${encodeURIComponent(run.id)}`, signal);
      runs.set(run.id, now);
      if (terminal(now)) ended(now);
    } catch (err) {
      if (!(err instanceof ApiError) || ![403, 404].includes(err.status)) throw err;
      runs.delete(run.id);
    }
  }

  function ended(run) {
    announce(`${runTitleText(run)}: ${texts.statuses[run.status] ?? run.status}. ${run.sentence}`, run.status === 'failed');
    for (const tell of listeners) tell(run);
    setTimeout(() => {
      runs.delete(run.id);
      draw();
    }, HOLD);
  }

  function draw() {
    const all = [...runs.values()];
    const count = all.filter((r) => !terminal(r)).length;
    bar.hidden = all.length === 0;
    // Rows are kept, so that focus on a link in one survives.
    let list = bar.querySelector('ul');
    if (!list) fill(bar, h('p', { class: 'count' }), (list = h('ul')));
    bar.querySelector('.count').textContent = count ? texts.activeRuns(count) : texts.runEnded;
    const rows = new Map([...list.children].map((li) => [li.dataset.run, li]));
    for (const run of all) {
      let li = rows.get(run.id);
      if (!li) {
        li = h('li', { 'data-run': run.id }, h('span', { class: 'state' }), h('span', { class: 'what' }, link(runHref(run), {}, runTitle(run))), h('span', { class: 'where' }, bdi(run.tenantName)));
        list.append(li);
      }
      rows.delete(run.id);
      const state = li.querySelector('.state');
      if (state.dataset.status !== display(run)) {
        state.dataset.status = display(run);
        fill(state, status(run));
      }
    }
    for (const li of rows.values()) li.remove();
  }

  return {
    // follow takes a run that was just started.
    follow(run) {
      if (terminal(run)) return;
      runs.set(run.id, run);
      draw();
      poller.now();
      for (const tell of starters) tell(run);
    },
    // onStarted calls tell with each run that is started here.
    onStarted(tell, until) {
      starters.add(tell);
      until.addEventListener('abort', () => starters.delete(tell));
    },
    // onEnded calls tell with each run of mine that ends, until signal aborts.
    onEnded(tell, until) {
      listeners.add(tell);
      until.addEventListener('abort', () => listeners.delete(tell));
    },
  };
}
