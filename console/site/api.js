// Calls the public API. Every answer is either data or an ApiError with a
// sentence that can be shown.
import * as auth from './auth.js';
import { learnClock } from './format.js';
import { texts } from './texts.js';

export class ApiError extends Error {
  constructor({ status = 0, code = '', detail = texts.unknownError, requestId = '', activeRun = null, retryAfter = 0 }) {
    super(detail);
    Object.assign(this, { status, code, detail, requestId, activeRun, retryAfter });
  }
}

const unreachable = () => new ApiError({ code: 'unreachable', detail: texts.unreachable });

async function send(method, path, { headers = {}, signal } = {}) {
  for (let attempt = 0; ; attempt++) {
    let token;
    try {
      token = await auth.accessToken();
    } catch (err) {
      if (err.kind === 'unreachable') throw unreachable();
      throw new ApiError({ status: 401, code: 'session_expired', detail: texts.sessionEnded });
    }
    let answer;
    try {
      answer = await fetch(path, {
        method,
        signal,
        // The page keeps its own entity tags; the browser's cache would hide a 304.
        cache: 'no-store',
        credentials: 'omit',
        headers: { Accept: 'application/json', Authorization: `Bearer ${token}`, ...headers },
      });
    } catch (err) {
      if (err.name === 'AbortError') throw err;
      throw unreachable();
    }
    learnClock(answer.headers.get('Date'));
    if (answer.status === 401 && attempt === 0) {
      // Once: the token may have been revoked, or this clock may be wrong.
      await auth.renew().catch(() => {});
      continue;
    }
    if (!answer.ok && answer.status !== 304) throw await problem(answer);
    return answer;
  }
}

async function problem(answer) {
  const body = await answer.json().catch(() => ({}));
  const known = typeof body.code === 'string' && typeof body.detail === 'string';
  return new ApiError({
    status: answer.status,
    code: known ? body.code : `http_${answer.status}`,
    detail: known ? body.detail : texts.unknownError,
    requestId: body.requestId ?? answer.headers.get('X-Request-Id') ?? answer.headers.get('Apigw-Requestid') ?? '',
    activeRun: body.activeRun ?? null,
    retryAfter: Number(answer.headers.get('Retry-After')) || 0,
  });
}

export async function get(path, signal) {
  return (await send('GET', path, { signal })).json();
}

// getText returns the answer as it was written.
export async function getText(path, signal) {
  return (await send('GET', path, { signal })).text();
}

// watched reads one address again and again; next returns null when nothing
// changed since the last time.
export function watched(path) {
  let tag = '';
  return {
    async next(signal) {
      const answer = await send('GET', path, { signal, headers: tag ? { 'If-None-Match': tag } : {} });
      if (answer.status === 304) return null;
      const body = await answer.json();
      tag = answer.headers.get('ETag') ?? '';
      return body;
    },
    forget() {
      tag = '';
    },
  };
}

// all reads every page of a list.
export async function all(path, signal) {
  const items = [];
  let token = '';
  do {
    const page = await get(withQuery(path, { pageSize: 200, pageToken: token }), signal);
    items.push(...page.items);
    token = page.nextPageToken ?? '';
  } while (token);
  return items;
}

export async function post(path) {
  await send('POST', path);
}

// start begins a run. A start whose answer was lost is repeated with the same
// key, which cannot begin a second run.
export async function start(path) {
  const key = crypto.randomUUID();
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await send('POST', path, { headers: { 'Idempotency-Key': key } })).json();
    } catch (err) {
      const lost = err instanceof ApiError && (err.code === 'unreachable' || err.status >= 502);
      if (!lost || attempt === 2) throw err;
      await new Promise((resolve) => setTimeout(resolve, 1000 * (attempt + 1)));
    }
  }
}

export function withQuery(path, query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const v of [value].flat()) {
      if (v !== '' && v !== null && v !== undefined) params.append(name, v);
    }
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export const tenantPath = (t) => `/v1/tenants/${encodeURIComponent(t)}`;
