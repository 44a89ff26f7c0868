// What every page shares: heading and title, loading, failure.
import { ApiError } from './api.js';
import { bdi, copyButton, fill, h, link } from './dom.js';
import { texts } from './texts.js';

// heading sets the page's title and returns its h1.
export function heading(ctx, title, ...content) {
  ctx.setTitle(title);
  return h('h1', { tabindex: '-1' }, content.length ? content : bdi(title, { class: 'name' }));
}

// load shows what make returns, or the failure with a way to try again. Until
// then what was there stays; an empty place gets a loading line (after a moment:
// quick answers should not flash).
export async function load(target, ctx, make) {
  target.setAttribute('aria-busy', 'true');
  if (!target.firstChild || target.querySelector('.notice.error')) fill(target, h('p', { class: 'loading' }, texts.loading));
  try {
    const content = await make();
    if (!ctx.signal.aborted) fill(target, content);
  } catch (err) {
    if (ctx.signal.aborted || err.name === 'AbortError') return;
    fill(target, failure(err, () => load(target, ctx, make)));
  } finally {
    target.removeAttribute('aria-busy');
  }
}

// failure says what went wrong. A fault of this page is named in the console
// for whoever looks into it, and as a plain sentence for everybody else.
export function failure(err, again) {
  const problem = err instanceof ApiError ? err : new ApiError({ detail: texts.pageFailed });
  if (!(err instanceof ApiError)) console.error(err);
  return h(
    'div',
    { class: 'notice error', role: 'alert' },
    h('p', {}, problem.detail),
    problem.requestId ? h('p', { class: 'detail' }, `${texts.requestId} `, h('code', {}, problem.requestId)) : null,
    h(
      'p',
      { class: 'commands' },
      again && problem.status !== 403 ? h('button', { type: 'button', on: { click: again } }, texts.tryAgain) : null,
      problem.status === 403 ? link('/', {}, texts.home) : null,
    ),
  );
}

// reasons shows a failure of a run or an item: the catalogue's sentence, what to
// do, and what Microsoft's support asks for.
export function reasons(f) {
  if (!f) return [];
  return [
    f.next ? h('p', { class: 'next' }, h('strong', {}, `${texts.next} `), f.next) : null,
    f.httpStatus || f.graphCode ? h('p', { class: 'detail' }, texts.microsoftAnswer(f.httpStatus, f.graphCode)) : null,
    f.graphRequestId
      ? h('p', { class: 'detail' }, copyButton(texts.copyGraphId, f.graphRequestId, texts.graphIdCopied), ' ', h('code', {}, f.graphRequestId))
      : null,
  ];
}

// table builds a table that becomes stacked rows on narrow pages. The roles are
// said aloud because a changed display takes them away. Rows are arrays of
// cells; a header row is added.
export function table(caption, columns, rows) {
  const body = h('tbody', { role: 'rowgroup' }, rows);
  return h(
    'div',
    { class: 'scroll' },
    h(
      'table',
      { role: 'table' },
      h('caption', { class: 'quiet' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, columns.map((c) => h('th', { role: 'columnheader', scope: 'col' }, c)))),
      body,
    ),
  );
}

export function row(columns, cells, props) {
  return h(
    'tr',
    { role: 'row', ...props },
    cells.map((cell, i) => h('td', { role: 'cell', 'data-label': columns[i] }, h('div', { class: 'cell' }, cell))),
  );
}

// setCell replaces what one cell of a row holds.
export function setCell(tr, i, ...content) {
  fill(tr.children[i].firstChild, ...content);
}
