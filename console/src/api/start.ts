// Starts work. One click is one key: a start whose answer was lost is repeated
// with the same key, which cannot begin a second run.
import { data } from './client';
import { ApiProblem } from './problem';

const ATTEMPTS = 3;

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/**
 * start sends what ask makes with the given key, again when the answer is lost.
 *
 *   start((key) => api.POST('/v1/tenants/{tenant}/inventory-syncs', {
 *     params: { path: { tenant }, header: { 'Idempotency-Key': key } },
 *   }))
 */
export async function start<T>(ask: (key: string) => Answer<T>, key: string = crypto.randomUUID()): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await data(ask(key));
    } catch (err) {
      if (!(err instanceof ApiProblem) || !err.lost || attempt === ATTEMPTS) throw err;
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
    }
  }
}
