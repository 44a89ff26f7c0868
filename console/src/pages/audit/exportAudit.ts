// The audit trail as one file: the API gives it in parts, each with the names of the
// columns, which the file has once.
import { api } from '../../api/client';
import { problemOf } from '../../api/problem';

export interface AuditFilter {
  event?: string[];
  target?: string;
  actor?: string;
  run?: string;
  from?: string;
  to?: string;
}

/** Joins parts of CSV: the first line of the later ones is left out. */
export function joinParts(parts: string[]): string {
  return parts.map((part, i) => (i === 0 ? part : part.slice(part.indexOf('\n') + 1))).join('');
}

/** Lines of CSV below the names of the columns: breaks within quotes do not count. */
export function countLines(text: string): number {
  let lines = 0;
  let quoted = false;
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    else if (c === '\n' && !quoted) lines++;
  }
  return Math.max(0, lines - 1);
}

export async function exportAudit(tenant: string, filter: AuditFilter, tell: (lines: number) => void): Promise<string> {
  const parts: string[] = [];
  let pageToken: string | undefined;
  do {
    const { data, error, response } = await api.GET('/v1/tenants/{tenant}/audit-events/export', {
      params: { path: { tenant }, query: { ...filter, pageToken } },
      headers: { Accept: 'text/csv' },
      parseAs: 'text',
    });
    if (!response.ok) throw problemOf(response, typeof error === 'string' ? error : JSON.stringify(error ?? null));
    parts.push(data as string);
    pageToken = response.headers.get('X-Next-Page-Token') ?? undefined;
    if (pageToken) tell(countLines(joinParts(parts)));
  } while (pageToken);
  return joinParts(parts);
}
