// Starts the console: signs in, draws the header, and shows the page that the
// address names. The tenant is always part of the address.
import * as auth from './auth.js';
import { all, ApiError, get } from './api.js';
import { createActivity } from './activity.js';
import { bdi, fill, h, link } from './dom.js';
import { refreshTimes } from './format.js';
import { failure, heading } from './page.js';
import { poll } from './poll.js';
import { texts } from './texts.js';
import { notificationsPage } from './views-notifications.js';
import { policyPage } from './views-policy.js';
import { runPage } from './views-run.js';
import { notFoundPage, signInPage, tenantsPage } from './views-start.js';
import { tenantPage } from './views-tenant.js';

const ROUTES = [
  [/^\/$/, null],
  [/^\/tenants$/, tenantsPage],
  [/^\/notifications$/, notificationsPage],
  [/^\/t\/(?<tenant>[^/]+)$/, tenantPage],
  [/^\/t\/(?<tenant>[^/]+)\/runs\/(?<run>[^/]+)$/, runPage],
  [/^\/t\/(?<tenant>[^/]+)\/policies\/(?<policy>[^/]+)$/, policyPage],
];

const header = document.getElementById('header');
const main = document.getElementById('main');
const bar = document.getElementById('activity');

let config = null;
let shell = null; // what a signed-in person has: me, tenants, activity, …
let leave = null; // ends the page that is shown
let unread = 0;

async function begin() {
  try {
    const answer = await fetch('/config.json', { cache: 'no-cache' });
    if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
    config = await answer.json();
    await auth.configure(config, sessionEnded);
  } catch {
    const ctx = context({});
    fill(main, heading(ctx, texts.product), failure(new ApiError({ detail: texts.configFailed }), () => location.reload()));
    return;
  }
  let message = location.pathname === '/' ? '' : texts.signInToContinue;
  if (auth.isCallback()) {
    try {
      history.replaceState(null, '', await auth.finish());
    } catch (err) {
      message = err.kind === 'unfinished' ? texts.signInUnfinished : err.kind === 'unreachable' ? texts.unreachable : texts.signInRefused(err.code);
    }
  }
  if (!auth.signedIn()) {
    showSignIn(message);
    return;
  }
  await enter(false);
}

// enter loads what the header needs and shows the page of the address.
async function enter(focus) {
  const ending = new AbortController();
  try {
    const [me, tenants] = await Promise.all([get('/v1/me', ending.signal), all('/v1/tenants', ending.signal)]);
    tenants.sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    shell = { me, tenants, ending, user: auth.who() || me.name || me.userId };
  } catch (err) {
    if (!auth.signedIn()) return; // the sign-in page is shown already
    const ctx = context({});
    fill(main, heading(ctx, texts.errorTitle), failure(err, () => enter(true)));
    return;
  }
  shell.activity = createActivity(bar, ending.signal);
  shell.activity.onEnded(() => setTimeout(() => shell?.unread.now(), 1500), ending.signal);
  shell.unread = poll(
    async () => {
      setUnread((await get('/v1/notifications?show=unread&pageSize=1', ending.signal)).unreadCount);
      return 30_000;
    },
    { signal: ending.signal },
  );
  show(focus);
}

function sessionEnded() {
  closeShell();
  showSignIn(texts.sessionEnded);
}

function closeShell() {
  shell?.ending.abort();
  shell = null;
  leave?.abort();
  unread = 0;
  bar.hidden = true;
  fill(bar);
}

function showSignIn(message) {
  fill(header, h('span', { class: 'product' }, texts.product));
  const ctx = context({});
  fill(main, signInPage(ctx, message, () => auth.signIn(location.pathname + location.search)));
}

function setUnread(n) {
  unread = n;
  const bell = document.getElementById('bell');
  if (bell && bell.textContent !== texts.notificationsCount(n)) bell.textContent = texts.notificationsCount(n);
}

function drawHeader(tenant) {
  const { tenants, user } = shell;
  const choice = h(
    'select',
    { id: 'tenant' },
    tenant ? null : h('option', { value: '' }, texts.chooseTenant),
    tenants.map((t) => {
      const twin = tenants.some((o) => o !== t && o.name === t.name);
      // Isolated by characters: an option holds text alone.
      return h('option', { value: t.id, title: t.name }, `\u2068${clip(t.name)}\u2069${twin ? ` (${t.id.slice(-6)})` : ''}`);
    }),
  );
  choice.value = tenant?.id ?? '';
  choice.addEventListener('change', () => choice.value && navigate(`/t/${choice.value}`));
  fill(
    header,
    link('/', { class: 'product' }, texts.product),
    tenants.length ? h('div', { class: 'switcher' }, h('label', { for: 'tenant', class: 'quiet' }, texts.tenant), choice) : null,
    h('nav', { 'aria-label': texts.notifications }, link('/notifications', { id: 'bell' }, texts.notificationsCount(unread))),
    h('span', { class: 'account' }, bdi(user, { class: 'user', title: user }), h('button', { type: 'button', class: 'subtle', on: { click: signOut } }, texts.signOut)),
  );
}

const clip = (name) => (name.length > 60 ? `${name.slice(0, 59)}…` : name);

function signOut() {
  closeShell();
  auth.signOut();
}

function context(fields) {
  const query = new URLSearchParams(location.search);
  const ctx = {
    params: {},
    query,
    policyTypes: config?.policyTypes ?? [],
    signal: new AbortController().signal,
    focus() {},
    setUnread,
    setTitle(title) {
      const parts = [title, fields.tenant && fields.tenant.name !== title ? fields.tenant.name : '', title === texts.product ? '' : texts.product];
      document.title = parts.filter(Boolean).join(' – ');
    },
    // setQuery changes the address of the page that is shown, without an entry
    // in the history for every letter that is typed.
    setQuery(values) {
      for (const [name, value] of Object.entries(values)) {
        if (value) query.set(name, value);
        else query.delete(name);
      }
      const text = query.toString();
      history.replaceState(null, '', location.pathname + (text ? `?${text}` : ''));
    },
    ...fields,
  };
  return ctx;
}

function navigate(href) {
  history.pushState(null, '', href);
  show(true);
}

function show(focus) {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  let page = null;
  let params = {};
  for (const [pattern, view] of ROUTES) {
    const match = pattern.exec(location.pathname);
    if (!match) continue;
    params = { ...match.groups };
    page = view;
    if (view === null) {
      // The start page is the only tenant, or the choice of one.
      history.replaceState(null, '', shell.tenants.length === 1 ? `/t/${shell.tenants[0].id}` : '/tenants');
      show(focus);
      return;
    }
    break;
  }
  const tenant = params.tenant ? shell.tenants.find((t) => t.id === params.tenant) : null;
  drawHeader(tenant);
  let wanted = focus;
  const ctx = context({
    ...shell, tenant, params, signal,
    // A page that loads its heading hands it over when it is there.
    focus(el) {
      if (!wanted) return;
      wanted = false;
      requestAnimationFrame(() => el.focus());
    },
  });
  if (page && params.tenant && !tenant) {
    fill(main, refused(ctx));
  } else {
    fill(main, (page ?? notFoundPage)(ctx));
  }
  main.scrollTo(0, 0);
  const h1 = main.querySelector('h1');
  if (h1) ctx.focus(h1);
}

// refused asks the API about a tenant that is not in the list: its answer is
// the same for one that does not exist and one of somebody else.
function refused(ctx) {
  const place = h('div');
  get(`/v1/tenants/${encodeURIComponent(ctx.params.tenant)}`, ctx.signal).then(
    () => {
      // Added as a member meanwhile: read the list of tenants anew.
      closeShell();
      enter(true);
    },
    (err) => err.name !== 'AbortError' && fill(place, failure(err, () => show(true))),
  );
  return [heading(ctx, texts.errorTitle), place];
}

document.addEventListener('click', (event) => {
  const a = event.target.closest?.('a[href]');
  if (!a || !shell || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const href = a.getAttribute('href');
  if (!href.startsWith('/')) return;
  event.preventDefault();
  navigate(href);
});

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});

addEventListener('popstate', () => {
  if (shell) show(true);
});

setInterval(refreshTimes, 20_000);

begin();
