// A tenant: is it synced, what policies does it have, what ran lately.
import { get, tenantPath, watched, withQuery } from './api.js';
import { announce, bdi, fill, h, link, sentence } from './dom.js';
import { command, includes } from './command.js';
import { display, runHref, runTitle, status, terminal } from './activity.js';
import { duration, time } from './format.js';
import { failure, heading, load, row, setCell, table } from './page.js';
import { poll } from './poll.js';
import { texts } from './texts.js';

export function tenantPage(ctx) {
  const { tenant, signal, activity } = ctx;
  const base = tenantPath(tenant.id);
  const standing = h('p', { class: 'sentence' }, texts.loading);
  const sync = command({ label: texts.syncInventory, path: `${base}/inventory-syncs`, need: 'operator', role: tenant.role, activity, primary: true });
  const test = command({ label: texts.testConnection, path: `${base}/connection-tests`, need: 'operator', role: tenant.role, activity });
  const policies = policySection(ctx, base);
  const runs = runSection(ctx, base);

  const syncs = watched(withQuery(`${base}/runs`, { operation: 'inventory.sync', pageSize: 2 }));
  const lookAtSync = async () => {
    try {
      const body = await syncs.next(signal);
      if (body) {
        fill(standing, standingOf(body.items, tenant));
        policies.synced(body.items.some((r) => r.status === 'succeeded' || r.status === 'partial'));
      }
    } catch (err) {
      if (err.name !== 'AbortError') fill(standing, failure(err, lookAtSync));
    }
  };
  lookAtSync();
  runs.onChange(lookAtSync);
  activity.onStarted((run) => run.tenantId === tenant.id && runs.expect(), signal);
  activity.onEnded((run) => {
    if (run.tenantId !== tenant.id) return;
    lookAtSync();
    runs.refresh();
    if (run.operation === 'inventory.sync') policies.inventoryChanged();
    if (run.operation === 'policy.capture_snapshot') policies.captured(run.target.id);
  }, signal);

  return [
    heading(ctx, tenant.name),
    standing,
    h('div', { class: 'commands' }, sync.button, test.button),
    includes(tenant.role, 'operator') ? h('p', { class: 'answers' }, sync.note, ' ', test.note) : h('p', { class: 'answers' }, sync.note, h('span', { class: 'quiet' }, test.note)),
    policies.element,
    runs.element,
  ];
}

function standingOf(runs, tenant) {
  const done = runs.find(terminal);
  if (!done) return runs.length ? texts.syncing : texts.neverSynced;
  const when = [time(done.finishedAt ?? done.createdAt), ': '];
  const words = sentence(done.sentence, tenant.name, done.tenantName);
  return done.status === 'failed'
    ? [`${texts.syncFailed}, `, when, words, ' ', link(runHref(done), {}, texts.viewRun)]
    : [`${texts.lastSync} `, when, words, ' ', link(runHref(done), {}, texts.viewRun)];
}

const POLICY_COLUMNS = [texts.name, texts.type, texts.platform, texts.latestVersion, texts.captured, texts.action];

// byFamily are the options of the filter: families in the order of their first
// types, and types in theirs.
function byFamily(types) {
  const families = new Map();
  for (const t of types) {
    const label = texts.families[t.family] ?? texts.familyOther;
    if (!families.has(label)) families.set(label, []);
    families.get(label).push(h('option', { value: t.id }, t.title));
  }
  return [...families].map(([label, options]) => h('optgroup', { label }, options));
}

function policySection(ctx, base) {
  const { signal, tenant, activity } = ctx;
  const filters = { q: ctx.query.get('q') ?? '', type: ctx.query.get('type') ?? '' };
  const rows = new Map(); // policy id → tr
  const list = h('div', { class: 'list' });
  const total = h('p', { class: 'detail', role: 'status' });
  const stale = h('p', { class: 'notice', hidden: true }, `${texts.inventoryChanged} `, h('button', { type: 'button', on: { click: () => read() } }, texts.refresh));
  const search = h('input', { type: 'search', id: 'policy-search', maxlength: 200, autocomplete: 'off', value: filters.q });
  const types = h('select', { id: 'policy-type' }, h('option', { value: '' }, texts.allTypes), byFamily(ctx.policyTypes));
  if (filters.type && !ctx.policyTypes.some((t) => t.id === filters.type)) types.append(h('option', { value: filters.type }, filters.type));
  types.value = filters.type;

  let everSynced = null;
  let timer = 0;
  const changed = () => {
    filters.q = search.value.trim();
    filters.type = types.value;
    ctx.setQuery(filters);
    read(true);
  };
  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(changed, 250);
  });
  types.addEventListener('change', changed);
  signal.addEventListener('abort', () => clearTimeout(timer));

  function clear() {
    search.value = '';
    types.value = '';
    changed();
    search.focus();
  }

  let turn = 0;
  async function read(spoken = false) {
    const mine = ++turn; // an answer that was overtaken is dropped
    stale.hidden = true;
    await load(list, ctx, async () => {
      const page = await get(pageAddress(''), signal);
      if (mine !== turn) return [...list.childNodes];
      rows.clear();
      const active = [filters.q, filters.type].filter(Boolean).length;
      if (page.items.length === 0) {
        total.textContent = '';
        if (active) {
          if (spoken) announce(texts.noMatch(active));
          return h('div', { class: 'empty' }, h('p', {}, texts.noMatch(active)), h('button', { type: 'button', on: { click: clear } }, texts.clearFilters));
        }
        return h('div', { class: 'empty' }, h('p', {}, everSynced ? texts.noPolicies : texts.noPoliciesYet));
      }
      const view = table(texts.policies, POLICY_COLUMNS, page.items.map(policyRow));
      const more = h('p', { class: 'commands' });
      moreButton(more, view.querySelector('tbody'), page.nextPageToken);
      showTotal(page.nextPageToken);
      return [view, more];
    });
  }

  const pageAddress = (token) => withQuery(`${base}/policies`, { ...filters, pageSize: 100, pageToken: token });

  function showTotal(token) {
    total.textContent = texts.shown(rows.size, Boolean(token));
  }

  function moreButton(place, body, token) {
    if (!token) {
      fill(place);
      return;
    }
    const button = h('button', { type: 'button' }, texts.more);
    button.addEventListener('click', async () => {
      button.setAttribute('aria-disabled', 'true');
      try {
        const page = await get(pageAddress(token), signal);
        const fresh = page.items.map(policyRow);
        body.append(...fresh);
        fresh[0]?.querySelector('a')?.focus();
        moreButton(place, body, page.nextPageToken);
        showTotal(page.nextPageToken);
      } catch (err) {
        if (err.name !== 'AbortError') fill(place, failure(err, () => moreButton(place, body, token)));
      }
    });
    fill(place, button);
  }

  function policyRow(p) {
    const capture = command({
      label: texts.capture, spoken: p.name, path: `${base}/policies/${encodeURIComponent(p.id)}/snapshots`,
      need: 'operator', role: tenant.role, compact: true, activity,
    });
    const tr = row(POLICY_COLUMNS, [
      [link(`/t/${tenant.id}/policies/${p.id}`, {}, bdi(p.name, { class: 'name' })), p.state === 'vanished' ? h('span', { class: 'detail' }, ` ${texts.gone}`) : null],
      p.typeTitle, p.platform || '–', ...versionCells(p), h('div', { class: 'cell-command' }, capture.button, capture.note),
    ]);
    rows.set(p.id, tr);
    return tr;
  }

  const versionCells = (p) => [p.latestVersion ? String(p.latestVersion) : '–', p.lastCapturedAt ? time(p.lastCapturedAt) : texts.never];

  read();
  return {
    element: h(
      'section',
      { 'aria-labelledby': 'policies-title' },
      h('h2', { id: 'policies-title' }, texts.policies),
      h('div', { class: 'filters', role: 'search' }, h('div', { class: 'field' }, h('label', { for: 'policy-search' }, texts.search), search), h('div', { class: 'field' }, h('label', { for: 'policy-type' }, texts.type), types), total),
      stale,
      list,
    ),
    synced(known) {
      if (known === everSynced) return;
      everSynced = known;
      const empty = list.querySelector('.empty > p');
      if (empty && !filters.q && !filters.type) empty.textContent = known ? texts.noPolicies : texts.noPoliciesYet;
    },
    // Rows do not move while somebody reads them; an empty list has none.
    inventoryChanged() {
      if (rows.size === 0) read();
      else stale.hidden = false;
    },
    async captured(id) {
      const known = rows.get(id);
      if (!known) return;
      const p = await get(`${base}/policies/${encodeURIComponent(id)}`, signal).catch(() => null);
      if (!p) return;
      const [version, when] = versionCells(p);
      setCell(known, 3, version);
      setCell(known, 4, when);
    },
  };
}

const RUN_COLUMNS = [texts.run, texts.status, texts.result, texts.startedBy, texts.started, texts.duration];

function runSection(ctx, base) {
  const { signal } = ctx;
  const list = h('div', { class: 'list' }, h('p', { class: 'loading' }, texts.loading));
  const fresh = h('button', { type: 'button', hidden: true });
  const title = h('h2', { id: 'runs-title' }, texts.runs);
  const section = h('section', { 'aria-labelledby': 'runs-title' }, h('div', { class: 'heading' }, title, fresh), list);
  const rows = new Map();
  const source = watched(withQuery(`${base}/runs`, { pageSize: 10 }));
  let items = [];
  let changed = () => {};
  let known = '';
  let soon = 0;

  const cells = (r) => [
    link(runHref(r), {}, runTitle(r)), status(r), sentence(r.sentence, r.target.name, r.tenantName), bdi(r.initiator.name || r.initiator.userId),
    time(r.createdAt), duration(r.startedAt ?? r.createdAt, r.finishedAt ?? (terminal(r) ? r.updatedAt : '')),
  ];

  function draw() {
    fresh.hidden = true;
    rows.clear();
    if (items.length === 0) {
      fill(list, h('div', { class: 'empty' }, h('p', {}, texts.noRuns)));
      return;
    }
    fill(list, table(texts.runs, RUN_COLUMNS, items.map((r) => {
      const tr = row(RUN_COLUMNS, cells(r), { 'data-status': display(r) });
      rows.set(r.id, tr);
      return tr;
    })));
  }

  function update() {
    const unknown = items.filter((r) => !rows.has(r.id)).length;
    for (const r of items) {
      const tr = rows.get(r.id);
      if (!tr) continue;
      cells(r).forEach((content, i) => {
        if (i > 0) setCell(tr, i, content);
      });
    }
    if (!unknown && rows.size > 0) return;
    // New rows wait while the pointer or the focus is in the list.
    if (rows.size === 0 || !section.matches(':hover, :focus-within')) draw();
    else {
      fresh.textContent = texts.newRuns(unknown);
      fresh.hidden = false;
    }
  }

  fresh.addEventListener('click', () => {
    draw();
    list.querySelector('a')?.focus();
  });

  const poller = poll(
    async () => {
      const body = await source.next(signal);
      if (body) {
        items = body.items;
        update();
        const now = items.map((r) => `${r.id}${r.status}`).join();
        if (known && now !== known) changed();
        known = now;
      }
      return items.some((r) => !terminal(r)) || Date.now() < soon ? 2000 : 30_000;
    },
    {
      signal,
      onError(err) {
        if (err && rows.size === 0) fill(list, failure(err, () => poller.now()));
      },
    },
  );

  return {
    element: section,
    refresh: () => poller.now(),
    // expect looks often for a while: a new run takes a moment to be listed.
    expect() {
      soon = Date.now() + 10_000;
      poller.now();
    },
    onChange(tell) {
      changed = tell;
    },
  };
}
