// What my runs had to say, stored by the server.
import { get, post, withQuery } from './api.js';
import { bdi, fill, h, icon, link, sentence } from './dom.js';
import { time } from './format.js';
import { failure, heading, load } from './page.js';
import { texts } from './texts.js';

export function notificationsPage(ctx) {
  const { signal } = ctx;
  const unread = h('p', { class: 'sentence', role: 'status' });
  const list = h('ul', { class: 'items' });
  const place = h('div');
  const problem = h('div');
  const all = h('button', { type: 'button' }, texts.markAllRead);
  const body = h('div');

  function show(page, append) {
    unread.textContent = texts.unreadSentence(page.unreadCount);
    ctx.setUnread(page.unreadCount);
    const rows = page.items.map(notification);
    if (append) list.append(...rows);
    else fill(list, rows);
    if (list.children.length === 0) fill(place, h('p', { class: 'empty' }, texts.noNotifications));
    else if (page.nextPageToken) fill(place, h('button', { type: 'button', on: { click: () => more(page.nextPageToken) } }, texts.more));
    else fill(place);
  }

  async function more(token) {
    try {
      show(await get(withQuery('/v1/notifications', { pageSize: 50, pageToken: token }), signal), true);
    } catch (err) {
      if (err.name !== 'AbortError') fill(place, failure(err, () => more(token)));
    }
  }

  async function attempt(action) {
    fill(problem);
    try {
      await action();
      show(await get('/v1/notifications?pageSize=50', signal), false);
    } catch (err) {
      if (err.name !== 'AbortError') fill(problem, failure(err, () => attempt(action)));
    }
  }
  all.addEventListener('click', () => attempt(() => post('/v1/notifications/read-all')));

  // The title says what happened and the body where; the icon repeats it.
  function notification(n) {
    const read = h('button', { type: 'button', class: 'subtle' }, texts.markRead, h('span', { class: 'quiet' }, ` ${n.title}`));
    read.addEventListener('click', () => attempt(() => post(`/v1/notifications/${encodeURIComponent(n.id)}/read`)));
    return h(
      'li',
      { class: n.read ? null : 'unread' },
      h('p', { class: 'title' }, h('span', { class: 'status' }, icon(n.status)), bdi(n.title, { class: 'name' }), n.read ? null : h('span', { class: 'mark' }, texts.unread)),
      n.body ? h('p', {}, sentence(n.body, n.tenantName)) : null,
      h('p', { class: 'detail' }, time(n.at), ' · ', link(`/t/${n.tenantId}/runs/${n.runId}`, {}, texts.viewRun, h('span', { class: 'quiet' }, ` ${n.title}`)), n.read ? null : [' ', read]),
    );
  }

  load(body, ctx, async () => {
    show(await get('/v1/notifications?pageSize=50', signal), false);
    return [unread, h('div', { class: 'commands' }, all), problem, list, place];
  });
  return [heading(ctx, texts.notifications), body];
}
