// Calls the public API, typed by its OpenAPI document. Every request carries the
// token of the session; a refused one is renewed once. Reads are conditional: an
// answer that did not change (304) is taken from memory.
//
//   const run = await data(api.GET('/v1/tenants/{tenant}/runs/{run}', { params: { path: { tenant, run } }, signal }));
//
// data throws ApiProblem. Starts go through start.ts, which repeats a lost one.
import createClient from 'openapi-fetch';
import { accessToken, renew, SignInError, signInWorked } from '../auth/auth';
import { learnClock } from '../format/clock';
import { parseExact } from './exact';
import { problemOf, sessionEnded, unreachable } from './problem';
import type { paths } from './schema';

const KEPT = 100; // answers
const LARGEST = 1_000_000; // characters of one

const answers = new Map<string, { tag: string; text: string }>();

/** Forgets what was read; for another person at the same page. */
export function forgetAnswers(): void {
  answers.clear();
}

async function authorized(request: Request): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    let token: string;
    try {
      token = await accessToken();
    } catch (err) {
      throw err instanceof SignInError && err.kind === 'unreachable' ? unreachable() : sessionEnded();
    }
    const headers = new Headers(request.headers);
    headers.set('Authorization', `Bearer ${token}`);
    let answer: Response;
    try {
      // The page keeps entity tags of its own; the browser's cache would hide a 304.
      answer = await fetch(new Request(request.clone(), { headers, cache: 'no-store', credentials: 'omit' }));
    } catch (err) {
      if (err instanceof DOMException && err.name === 'AbortError') throw err;
      throw unreachable();
    }
    learnClock(answer.headers.get('Date'));
    if (answer.status === 401 && attempt === 0) {
      // Once: the token may have been revoked, or a clock may be wrong.
      await renew().catch(() => undefined);
      continue;
    }
    if (answer.ok || answer.status === 304) signInWorked();
    return answer;
  }
}

async function conditional(request: Request): Promise<Response> {
  if (request.method !== 'GET') return authorized(request);
  const known = answers.get(request.url);
  if (known) request.headers.set('If-None-Match', known.tag);
  const answer = await authorized(request);
  if (answer.status === 304 && known) {
    return new Response(known.text, { status: 200, headers: { 'Content-Type': 'application/json', ETag: known.tag } });
  }
  const tag = answer.headers.get('ETag');
  answers.delete(request.url);
  if (!answer.ok || !tag) return answer;
  const text = await answer.text();
  if (text.length <= LARGEST) {
    answers.set(request.url, { tag, text });
    for (const oldest of answers.keys()) {
      if (answers.size <= KEPT) break;
      answers.delete(oldest);
    }
  }
  return new Response(text, { status: answer.status, headers: answer.headers });
}

export const api = createClient<paths>({
  baseUrl: '',
  fetch: conditional,
  headers: { Accept: 'application/json' },
  querySerializer: { array: { style: 'form', explode: true } },
});

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** What the API answered. Throws ApiProblem. */
export async function data<T>(asked: Answer<T>): Promise<T> {
  return (await read(asked)).data;
}

/** What the API answered, with the entity tag that a change names (If-Match). */
export async function read<T>(asked: Answer<T>): Promise<{ data: T; tag: string }> {
  const { data: body, error, response } = await asked;
  if (!response.ok) throw problemOf(response, typeof error === 'string' ? error : JSON.stringify(error ?? null));
  return { data: body as T, tag: response.headers.get('ETag') ?? '' };
}

/**
 * The same for answers that hold policy content: numbers that JavaScript cannot
 * hold are kept as they are written. Ask with parseAs: 'text'.
 */
export async function exact<T>(asked: Answer<string>): Promise<T> {
  return parseExact(await data(asked)) as T;
}

/** Every item of a list that comes in pages. */
export async function all<T>(page: (pageToken: string | undefined) => Promise<{ items: T[]; nextPageToken?: string }>): Promise<T[]> {
  const items: T[] = [];
  let token: string | undefined;
  do {
    const next = await page(token);
    items.push(...next.items);
    token = next.nextPageToken || undefined;
  } while (token);
  return items;
}
