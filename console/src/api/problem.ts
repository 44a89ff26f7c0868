// One kind of failure for every answer of the API that is no success: the problem
// document (RFC 9457), a failure on the way, or an answer of something between.
import type { components } from './schema';

export type Problem = components['schemas']['Problem'];
type RunLink = components['schemas']['RunLink'];

export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Stable code; "unreachable" when there was no answer, "http_502" and the like from between. */
  readonly code: string;
  /** A sentence that can be shown; empty when the API gave none. */
  readonly detail: string;
  /** For support; may be empty. */
  readonly requestId: string;
  /** Seconds to wait before the next request; 0 when the API did not say. */
  readonly retryAfter: number;
  readonly errors: { location: string; detail: string }[];
  readonly role: string;
  readonly activeRun?: RunLink;
  readonly previewRun?: RunLink;
  readonly run?: RunLink;

  constructor(from: Partial<Problem> & { status: number; code: string; retryAfter?: number }) {
    super(from.code);
    this.status = from.status;
    this.code = from.code;
    this.detail = from.detail ?? '';
    this.requestId = from.requestId ?? '';
    this.retryAfter = from.retryAfter ?? 0;
    this.errors = from.errors ?? [];
    this.role = from.role ?? '';
    this.activeRun = from.activeRun;
    this.previewRun = from.previewRun;
    this.run = from.run;
  }

  /** Asking again cannot help: forbidden, gone, or signed out. */
  get final(): boolean {
    return [401, 403, 404].includes(this.status);
  }

  /** The request may or may not have been carried out. */
  get lost(): boolean {
    return this.status === 0 || this.status >= 502;
  }
}

export const unreachable = (): ApiProblem => new ApiProblem({ status: 0, code: 'unreachable' });
export const sessionEnded = (): ApiProblem => new ApiProblem({ status: 401, code: 'session_expired' });

/** Reads the failure out of an answer. */
export function problemOf(answer: Response, text: string): ApiProblem {
  let body: Partial<Problem> = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null) body = parsed;
  } catch {
    // Not of the API: a proxy's page, or nothing.
  }
  const known = typeof body.code === 'string' && typeof body.detail === 'string';
  return new ApiProblem({
    ...(known ? body : {}),
    status: answer.status,
    code: known ? (body.code as string) : `http_${answer.status}`,
    requestId: body.requestId ?? answer.headers.get('X-Request-Id') ?? answer.headers.get('Apigw-Requestid') ?? '',
    retryAfter: Number(answer.headers.get('Retry-After')) || 0,
  });
}
