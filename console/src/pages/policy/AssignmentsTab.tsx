// Whom a version is assigned to, by name.
import { useMemo } from 'react';
import { common, policy as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { Name } from '../../ui/text';
import { assignmentsOf, humanise, type Assignment } from './settings';
import type { PolicyVersion } from '../../api/types';

export function AssignmentsTab({ content, version }: { content: unknown; version: PolicyVersion }) {
  const rows = useMemo(() => assignmentsOf(content).map((a, id) => ({ ...a, key: String(id) })), [content]);
  if (version.notes.some((n) => n.code === 'assignments_unreadable')) return <p>{t.assignmentsUnread}</p>;
  if (rows.length === 0) return <p>{t.noAssignments}</p>;
  type Row = Assignment & { key: string };
  const columns: Column<Row>[] = [
    {
      key: 'target',
      header: t.target,
      width: 'minmax(0, 3fr)',
      cell: (a) => (
        <>
          {t.targets[a.kind] ?? humanise(a.kind)}
          {a.target ? <> <bdi title={a.id}>{a.target}</bdi></> : null}
        </>
      ),
    },
    {
      key: 'filter',
      header: t.filter,
      width: 'minmax(0, 2fr)',
      cell: (a) => (a.filter ? <Name>{`${t.filterModes[a.filterMode] ?? a.filterMode}: ${a.filter}`}</Name> : common.nothing),
    },
    { key: 'intent', header: t.intent, width: 'minmax(0, 1fr)', cell: (a) => (a.intent ? (t.intents[a.intent] ?? humanise(a.intent)) : common.nothing) },
    { key: 'source', header: t.source, width: 'minmax(0, 1fr)', cell: (a) => (a.source ? (t.sources[a.source] ?? humanise(a.source)) : common.nothing) },
  ];
  return <DataTable label={t.tabs.assignments} columns={columns.filter((c) => c.key === 'target' || c.key === 'filter' || rows.some((r) => r[c.key as 'intent' | 'source']))} rows={rows} rowKey={(a) => a.key} />;
}
