// One run: where it stands, what became of every item, what to do next.
import { get, tenantPath, watched, withQuery } from './api.js';
import { announce, bdi, fill, h, icon, link, sentence } from './dom.js';
import { display, runTitle, runTitleText, status, terminal } from './activity.js';
import { clockTime, duration, time } from './format.js';
import { cancelCommand } from './command.js';
import { failure, heading, load, reasons } from './page.js';
import { poll } from './poll.js';
import { texts } from './texts.js';

const EVERY = 2000;
const OUTCOMES = ['failed', 'skipped', 'succeeded'];

export function runPage(ctx) {
  const { tenant, signal } = ctx;
  const address = `${tenantPath(tenant.id)}/runs/${encodeURIComponent(ctx.params.run)}`;
  const body = h('div');
  load(body, ctx, async () => {
    const source = watched(address);
    return view(ctx, address, source, await source.next(signal));
  });
  ctx.setTitle(texts.run);
  return [h('p', { class: 'back' }, link(`/t/${tenant.id}`, {}, '← ', bdi(tenant.name, { class: 'name' }))), body];
}

function view(ctx, address, source, first) {
  const { tenant, signal } = ctx;
  let run = first;
  let milestone = quarter(run);
  const badge = h('span', { class: 'badge' });
  const now = h('p', { class: 'sentence' });
  const bar = h('progress', { 'aria-label': texts.progress });
  const counts = h('p', { class: 'detail counts' });
  const stalled = h('p', { class: 'notice', hidden: true });
  const why = h('div');
  const facts = h('dl', { class: 'facts' });
  const items = itemSection(ctx, address, () => run);
  const cancel = cancelCommand({
    address,
    need: run.operation.startsWith('restore.') && run.operation !== 'restore.preview' ? 'restorer' : 'operator',
    role: tenant.role,
    after(next) {
      run = next;
      draw();
      items.refresh();
    },
  });
  const commands = h('p', { class: 'commands' }, cancel.button, cancel.note);

  function draw() {
    fill(badge, status(run));
    fill(now, sentence(run.sentence, run.target.name, run.tenantName));
    const done = run.progress.done;
    bar.hidden = run.status === 'queued' || (terminal(run) && run.counts.total === 0);
    if (run.counts.total > 0) {
      bar.max = run.counts.total;
      bar.value = done;
    } else {
      bar.removeAttribute('value'); // not known yet
    }
    commands.hidden = terminal(run) || Boolean(run.cancelAt);
    counts.textContent = run.counts.total > 0 ? texts.counts(run.counts, done) : '';
    fill(why, run.failure && run.status !== 'canceled' ? h('div', { class: 'notice error' }, h('p', {}, sentence(run.failure.sentence, run.tenantName, run.target.name)), reasons(run.failure)) : null);
    fill(
      facts,
      fact(texts.startedBy, bdi(run.initiator.name || run.initiator.userId)),
      fact(texts.createdAt, time(run.createdAt)),
      run.finishedAt ? fact(texts.finishedAt, time(run.finishedAt)) : null,
      fact(texts.duration, duration(run.startedAt ?? run.createdAt, run.finishedAt)),
      fact(texts.runId, h('code', {}, run.id)),
    );
  }
  draw();

  const poller = poll(
    async () => {
      if (terminal(run)) return null;
      const next = await source.next(signal);
      if (!next) return EVERY;
      const before = display(run);
      run = next;
      draw();
      items.refresh();
      if (terminal(run)) {
        announce(`${texts.statuses[run.status] ?? run.status}. ${run.sentence}`, run.status === 'failed');
        return null;
      }
      if (display(run) !== before) announce(run.sentence);
      else if (quarter(run) > milestone) announce(texts.quarter(quarter(run) * 25));
      milestone = quarter(run);
      return EVERY;
    },
    {
      signal,
      onError(err, wait) {
        stalled.hidden = !err;
        if (!err) return;
        const again = h('button', { type: 'button', on: { click: () => poller.now() } }, texts.tryNow);
        fill(stalled, `${texts.stalled(clockTime(Date.now()))} `, wait ? [`${texts.tryAgainIn(Math.round(wait / 1000))} `, again] : err.detail);
      },
    },
  );

  const h1 = heading(ctx, runTitleText(run), runTitle(run));
  ctx.focus(h1);
  return [
    h('div', { class: 'heading' }, h1, badge),
    now,
    stalled,
    h('div', { class: 'progress' }, bar, counts),
    commands,
    why,
    run.target.kind === 'policy' ? h('p', { class: 'commands' }, link(`/t/${tenant.id}/policies/${run.target.id}`, {}, texts.openPolicy)) : null,
    facts,
    items.element,
  ];
}

const quarter = (run) => {
  const { total, succeeded, failed, skipped } = run.counts;
  return total > 0 ? Math.floor((4 * (succeeded + failed + skipped)) / total) : 0;
};

const fact = (name, ...value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));

function itemSection(ctx, address, run) {
  const { signal } = ctx;
  const chosen = () => (OUTCOMES.includes(ctx.query.get('outcome')) ? ctx.query.get('outcome') : '');
  const filter = h('div', { class: 'chips', role: 'group', 'aria-label': texts.items });
  const list = h('ul', { class: 'items' });
  const place = h('div');
  let shown = 0;
  let next = '';
  let turn = 0;

  function chips() {
    const c = run().counts;
    const all = [['', texts.allItems, c.succeeded + c.failed + c.skipped], ...OUTCOMES.map((o) => [o, texts.statuses[o], c[o]])];
    for (const [i, [value, label, n]] of all.entries()) {
      let button = filter.children[i];
      if (!button) {
        button = h('button', { type: 'button' });
        button.addEventListener('click', () => {
          ctx.setQuery({ outcome: value });
          read();
        });
        filter.append(button);
      }
      button.textContent = `${label} (${n})`;
      button.setAttribute('aria-pressed', String(chosen() === value));
    }
  }

  async function read(token = '') {
    chips();
    const mine = ++turn;
    try {
      const page = await get(withQuery(`${address}/items`, { outcome: chosen(), pageSize: 100, pageToken: token }), signal);
      if (mine !== turn) return;
      const rows = page.items.map((o) => itemRow(ctx, run(), o));
      if (token) list.append(...rows);
      else fill(list, rows);
      shown = token ? shown + rows.length : rows.length;
      next = page.nextPageToken ?? '';
      if (shown === 0) fill(place, h('p', { class: 'empty' }, chosen() ? texts.noItemsMatch : terminal(run()) ? texts.noItemsEnded : texts.noItems));
      else fill(place, next ? h('button', { type: 'button', on: { click: () => read(next) } }, texts.more) : null);
    } catch (err) {
      if (err.name !== 'AbortError') fill(place, failure(err, () => read(token)));
    }
  }

  read();
  return {
    element: h('section', { 'aria-labelledby': 'items-title' }, h('h2', { id: 'items-title' }, texts.items), filter, list, place),
    // While a run goes on, whoever loaded more pages or reads inside the list
    // keeps what is there; the chips show the new counts.
    refresh() {
      chips();
      if (terminal(run()) || (shown <= 100 && !list.matches(':focus-within'))) read();
    },
  };
}

function itemRow(ctx, run, o) {
  const name = o.kind === 'policy' ? link(`/t/${ctx.tenant.id}/policies/${o.key}`, {}, bdi(o.name, { class: 'name' })) : bdi(o.name, { class: 'name' });
  const f = o.failure;
  return h(
    'li',
    { class: o.needsAttention ? 'attention' : null },
    h('p', { class: 'title' }, h('span', { class: `status ${o.status}` }, icon(o.status), texts.statuses[o.status] ?? o.status), ' ', name, o.version ? h('span', { class: 'detail' }, ` ${texts.version(o.version)}`) : null, o.numbers?.policies === undefined ? null : h('span', { class: 'detail' }, ` ${texts.shown(o.numbers.policies)}`)),
    o.sentence || f?.sentence ? h('p', {}, sentence(o.sentence || f.sentence, o.name, run.tenantName)) : null,
    f ? reasons(f) : o.next ? h('p', { class: 'next' }, h('strong', {}, `${texts.next} `), o.next) : null,
  );
}
