// Asks again and again, politely: not in a hidden tab, slower after errors, and
// never twice at once.
import { ApiError } from './api.js';

const MAX_BACKOFF = 30_000;

// poll calls ask until it returns null, the signal aborts, or stop. ask returns
// the milliseconds until the next time. onError is told of each failure with
// the wait in milliseconds, and of recovery with null.
export function poll(ask, { signal, onError = () => {} } = {}) {
  let timer = 0;
  let busy = false;
  let again = false;
  let done = false;
  let failures = 0;

  async function run() {
    if (done || document.hidden) return;
    if (busy) {
      again = true;
      return;
    }
    clearTimeout(timer);
    busy = true;
    let wait;
    try {
      wait = await ask();
      if (failures > 0) onError(null);
      failures = 0;
    } catch (err) {
      if (done || err.name === 'AbortError') return;
      // What is forbidden, gone or signed out does not come back by asking.
      if (err instanceof ApiError && [401, 403, 404].includes(err.status)) {
        done = true;
        onError(err, 0);
        return;
      }
      failures++;
      wait = Math.max(Math.min(1000 * 2 ** failures, MAX_BACKOFF), (err.retryAfter ?? 0) * 1000);
      onError(err, wait);
    } finally {
      busy = false;
    }
    if (done) return;
    if (wait === null) {
      done = true;
      stop();
      return;
    }
    timer = setTimeout(run, again ? 0 : wait);
    again = false;
  }

  function visible() {
    if (!document.hidden) run();
    else clearTimeout(timer);
  }

  function stop() {
    done = true;
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', visible);
  }

  document.addEventListener('visibilitychange', visible);
  signal?.addEventListener('abort', stop);
  run();
  return { now: run, stop };
}
