// One policy: its versions, and what one of them holds.
import { get, getText, tenantPath, withQuery } from './api.js';
import { bdi, copyButton, fill, h, link } from './dom.js';
import { command } from './command.js';
import { size, time } from './format.js';
import { cut, indent } from './json-text.js';
import { failure, heading, load, row, table } from './page.js';
import { texts } from './texts.js';

const FIRST = 200_000; // characters of content that are shown at once
const COLUMNS = [texts.versionColumn, texts.captured, texts.startedBy, texts.size, texts.notes];

export function policyPage(ctx) {
  const { tenant } = ctx;
  const address = `${tenantPath(tenant.id)}/policies/${encodeURIComponent(ctx.params.policy)}`;
  const body = h('div');
  ctx.setTitle(texts.policies);
  load(body, ctx, async () => view(ctx, address, await get(address, ctx.signal)));
  return [h('p', { class: 'back' }, link(`/t/${tenant.id}`, {}, '← ', bdi(tenant.name, { class: 'name' }))), body];
}

// versionNotes say what a version lacks, and what of it can be written back: of a
// whole one only when that is not all.
function versionNotes(v) {
  const whole = v.complete && v.notes.length === 0;
  const { level, reason } = v.restorability;
  const reasonToSay = v.notes.some((n) => n.sentence === reason) ? null : reason;
  return [
    whole ? texts.completeShort : null,
    v.complete ? null : `${texts.incompleteShort} `,
    v.notes.map((n) => h('p', {}, n.sentence, n.next ? [' ', h('strong', {}, `${texts.next} `), n.next] : null)),
    whole && level === 'full' ? null : h('p', { class: 'detail' }, texts.restorability[level], reasonToSay ? ` ${reasonToSay}` : null),
  ];
}

function view(ctx, address, policy) {
  const { tenant, signal, activity } = ctx;
  const now = h('p', { class: 'sentence' });
  const versions = h('div', { class: 'list' });
  const content = h('div');
  const capture = command({ label: texts.capture, path: `${address}/snapshots`, need: 'operator', role: tenant.role, activity, primary: true });
  const contentTitle = h('h2', { id: 'content-title', tabindex: '-1' }, texts.content);
  const contentSection = h('section', { 'aria-labelledby': 'content-title', hidden: true }, contentTitle, content);

  function draw() {
    fill(now, policy.latestVersion ? [`${texts.captured} `, time(policy.lastCapturedAt), `. ${texts.capturedSentence(policy.latestVersion)}`] : texts.neverCaptured);
  }

  const chosen = () => Number(ctx.query.get('v')) || policy.latestVersion;

  const list = () =>
    load(versions, ctx, async () => {
      if (!policy.latestVersion) return h('div', { class: 'empty' }, h('p', {}, texts.neverCapturedNext));
      const page = await get(withQuery(`${address}/versions`, { pageSize: 50 }), signal);
      const view = table(texts.versions, COLUMNS, page.items.map(versionRow));
      const more = h('p', { class: 'commands' });
      const offer = (token) =>
        fill(more, token ? h('button', { type: 'button', on: { click: async () => {
          try {
            const following = await get(withQuery(`${address}/versions`, { pageSize: 50, pageToken: token }), signal);
            view.querySelector('tbody').append(...following.items.map(versionRow));
            offer(following.nextPageToken);
          } catch (err) {
            if (err.name !== 'AbortError') fill(more, failure(err, () => offer(token)));
          }
        } } }, texts.more) : null);
      offer(page.nextPageToken);
      return [view, more];
    });

  function versionRow(v) {
    const open = h('button', { type: 'button', class: 'subtle', 'data-version': v.number, 'aria-pressed': String(v.number === chosen()) }, texts.version(v.number));
    open.addEventListener('click', () => {
      ctx.setQuery({ v: v.number });
      for (const b of versions.querySelectorAll('[data-version]')) b.setAttribute('aria-pressed', String(b === open));
      show(v.number);
    });
    return row(COLUMNS, [
      open,
      link(`/t/${tenant.id}/runs/${v.runId}`, {}, time(v.capturedAt)),
      bdi(v.capturedBy || '–'),
      size(v.size),
      versionNotes(v),
    ]);
  }

  let turn = 0;
  function show(number) {
    contentSection.hidden = !number;
    if (!number) return;
    const mine = ++turn;
    contentTitle.textContent = texts.contentOf(number);
    fill(content); // what another version holds must not stand under this title
    load(content, ctx, async () => {
      const text = await getText(`${address}/versions/${number}`, signal);
      if (mine !== turn) return [...content.childNodes];
      // Taken as text, so that no number is rounded on the way to the page.
      const { value, rest } = cut(text, 'content');
      return contentView(indent(value), rest);
    });
  }

  activity.onEnded(async (run) => {
    if (run.target.id !== policy.id) return;
    try {
      policy = await get(address, signal);
      draw();
      list();
      if (!ctx.query.get('v')) show(policy.latestVersion);
    } catch (err) {
      if (err.name !== 'AbortError') fill(versions, failure(err, list));
    }
  }, signal);

  draw();
  list();
  show(chosen());
  const h1 = heading(ctx, policy.name);
  ctx.focus(h1);
  return [
    h1,
    now,
    policy.state === 'vanished' ? h('p', { class: 'notice' }, `${texts.gone}.`) : null,
    h('div', { class: 'commands' }, capture.button),
    h('p', { class: 'answers' }, capture.note),
    h(
      'dl',
      { class: 'facts' },
      h('div', {}, h('dt', {}, texts.type), h('dd', {}, policy.typeTitle)),
      h('div', {}, h('dt', {}, texts.platform), h('dd', {}, policy.platform || '–')),
      h('div', {}, h('dt', {}, texts.lastSeen), h('dd', {}, time(policy.lastSeenAt))),
      h('div', {}, h('dt', {}, texts.graphId), h('dd', {}, h('code', {}, policy.graphId))),
    ),
    h('section', { 'aria-labelledby': 'versions-title' }, h('h2', { id: 'versions-title' }, texts.versions), versions),
    contentSection,
  ];
}

function contentView(text, version) {
  const pre = h('pre', { tabindex: '0', dir: 'ltr', translate: 'no', role: 'group', 'aria-label': texts.content }, text.slice(0, FIRST));
  const rest = h('p', { class: 'commands' });
  if (text.length > FIRST) {
    const all = h('button', { type: 'button' }, texts.showAllContent(size(text.length)));
    all.addEventListener('click', () => {
      pre.textContent = text;
      rest.remove();
      pre.focus();
    });
    fill(rest, texts.contentCut, ' ', all);
  }
  return [
    h('p', { class: 'commands' }, copyButton(texts.copyContent, text, texts.contentCopied)),
    h('p', { class: 'detail' }, `${version.complete ? texts.complete : texts.incomplete} ${texts.hash} `, h('code', {}, version.contentHash)),
    pre,
    rest,
  ];
}
