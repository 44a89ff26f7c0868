// Sentences for failures: the API's own where it gave one.
import { ApiProblem } from '../api/problem';
import { common as t } from '../texts';

/** What can be shown of a failure. A fault of the page itself is named in the browser's console. */
export function problemText(err: unknown): { sentence: string; requestId: string; problem: ApiProblem | null } {
  if (!(err instanceof ApiProblem)) {
    console.error(err);
    return { sentence: t.pageFailed, requestId: '', problem: null };
  }
  const sentence = err.detail || (err.status === 0 ? t.unreachable : err.status === 401 ? t.sessionEnded : err.status === 403 ? t.forbidden : err.status === 404 ? t.notHere : t.failed);
  return { sentence, requestId: err.requestId, problem: err };
}
