// Buttons that start runs. One that the role does not allow stays reachable by
// keyboard and says what it needs.
import { ApiError, start } from './api.js';
import { announce, fill, h, link } from './dom.js';
import { runHref } from './activity.js';
import { texts } from './texts.js';

const RANK = ['viewer', 'operator', 'restorer', 'owner'];
export const includes = (role, need) => RANK.indexOf(role) >= RANK.indexOf(need);

let ids = 0;

// command makes a button and the place where its answer stands. spoken adds to
// the label what only a listener needs, such as the name of the row.
export function command({ label, spoken = '', path, need, role, primary = false, compact = false, activity }) {
  const allowed = includes(role, need);
  const note = h('span', { class: 'answer', id: `answer-${++ids}` });
  const button = h(
    'button',
    { type: 'button', class: primary ? 'primary' : null, 'aria-disabled': allowed ? null : 'true', 'aria-describedby': note.id, title: allowed ? null : texts.needsRole(need) },
    label,
    spoken ? h('span', { class: 'quiet' }, ` ${spoken}`) : null,
  );
  if (!allowed) {
    // In a table the reason stands once, above; a listener hears it at each.
    fill(note, texts.needsRole(need));
    note.classList.toggle('quiet', compact);
  }
  let busy = false;
  button.addEventListener('click', async () => {
    if (!allowed || busy) return;
    busy = true;
    button.setAttribute('aria-disabled', 'true');
    fill(note, texts.sending);
    try {
      const run = await start(path);
      const text = run.reused ? texts.reused : texts.queued;
      fill(note, `${text} `, link(runHref(run), {}, texts.viewRun));
      announce(`${label}${spoken ? ` ${spoken}` : ''}: ${text}`);
      activity.follow(run);
    } catch (err) {
      const problem = err instanceof ApiError ? err : new ApiError({});
      fill(note, h('span', { class: 'problem' }, problem.detail), ' ', other(problem), problem.requestId ? h('small', {}, ` ${texts.requestId} ${problem.requestId}`) : null);
      announce(problem.detail, true);
    } finally {
      busy = false;
      button.removeAttribute('aria-disabled');
    }
  });
  return { button, note };
}

// cancelCommand makes the button that stops a run, and the place where its answer
// stands. after is handed the run as it stands then.
export function cancelCommand({ address, need, role, after }) {
  const allowed = includes(role, need);
  const note = h('span', { class: 'answer', id: `answer-${++ids}` }, allowed ? null : texts.needsRole(need));
  const button = h('button', { type: 'button', 'aria-disabled': allowed ? null : 'true', 'aria-describedby': note.id, title: allowed ? null : texts.needsRole(need) }, texts.cancelRun);
  let busy = false;
  button.addEventListener('click', async () => {
    if (!allowed || busy) return;
    busy = true;
    fill(note, texts.sending);
    try {
      const run = await start(`${address}/cancel`);
      fill(note);
      announce(run.sentence);
      after(run);
    } catch (err) {
      const problem = err instanceof ApiError ? err : new ApiError({});
      fill(note, h('span', { class: 'problem' }, problem.detail));
      announce(problem.detail, true);
    } finally {
      busy = false;
    }
  });
  return { button, note };
}

// other links the run that is in the way.
function other(problem) {
  const match = /^\/v1\/tenants\/([^/]+)\/runs\/([^/]+)$/.exec(problem.activeRun?.href ?? '');
  return match ? link(`/t/${match[1]}/runs/${match[2]}`, {}, texts.viewIt) : null;
}
