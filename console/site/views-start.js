// Pages outside of a tenant: signing in, choosing a tenant, having none.
import { bdi, copyButton, h, link } from './dom.js';
import { heading, row, table } from './page.js';
import { texts } from './texts.js';

export function signInPage(ctx, message, begin) {
  const button = h('button', { type: 'button', class: 'primary' }, texts.signIn);
  const note = h('p', { class: 'detail', role: 'status' }, message);
  button.addEventListener('click', () =>
    begin().catch((err) => {
      note.textContent = err.kind === 'insecure' ? texts.insecure : texts.unreachable;
    }),
  );
  return h('div', { class: 'landing' }, heading(ctx, texts.product), h('p', { class: 'sentence' }, texts.claim), h('p', { class: 'commands' }, button), note);
}

export function tenantsPage(ctx) {
  const { tenants, me } = ctx;
  if (tenants.length === 0) {
    return [
      heading(ctx, texts.tenants),
      h('p', { class: 'sentence' }, texts.noTenant(ctx.user)),
      h('p', {}, texts.noTenantNext),
      h('p', { class: 'commands' }, copyButton(texts.copyUserId, me.userId, texts.userIdCopied)),
      h('p', { class: 'detail' }, h('code', {}, me.userId)),
    ];
  }
  const columns = [texts.tenant, texts.role];
  return [
    heading(ctx, texts.tenants),
    h('p', { class: 'sentence' }, texts.tenantsSentence(tenants.length)),
    table(
      texts.tenants,
      columns,
      tenants.map((t) => row(columns, [link(`/t/${t.id}`, {}, bdi(t.name, { class: 'name' })), texts.roles[t.role] ?? t.role])),
    ),
  ];
}

export function notFoundPage(ctx) {
  return [heading(ctx, texts.notFoundTitle), h('p', { class: 'sentence' }, texts.notFound), h('p', {}, link('/', {}, texts.home))];
}
