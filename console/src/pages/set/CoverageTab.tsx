// What of the tenant a set holds: types that lack something first, each with a way
// to add it.
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import type { BackupSet, Role, Run } from '../../api/types';
import { formatNumber } from '../../format/format';
import { policies, set as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { Facets } from '../../ui/FilterBar';
import { Link } from '../../ui/links';
import { Notice } from '../../ui/Notice';
import { Loaded } from '../../ui/Page';
import { RunStartButton } from '../../ui/RunStartButton';
import { StatusText } from '../../ui/status';
import s from './set.module.css';

export type Coverage = components['schemas']['CoverageView'];
type TypeCoverage = components['schemas']['TypeCoverageView'];

export const useCoverage = (tenant: string, set: string, of: string, enabled = true) =>
  useQuery<Coverage>({
    queryKey: keys.of(tenant, 'set-coverage', set, of),
    queryFn: ({ signal }) => data(api.GET('/v1/tenants/{tenant}/backup-sets/{set}/coverage', { params: { path: { tenant, set } }, signal })),
    enabled,
  });

/** How many policies of a type the set does not hold, or did not capture. */
export const lacks = (type: TypeCoverage): number => Math.max(0, Math.max(type.inTenant, type.inSet) - type.captured);

function State({ type }: { type: TypeCoverage }) {
  if (type.inSet === 0) return <StatusText status="partial" words={t.coverage.nothing} />;
  if (type.captured < type.inSet) return <StatusText status="failed" words={t.coverage.uncaptured(type.inSet - type.captured)} />;
  const missing = lacks(type);
  return missing > 0 ? <StatusText status="partial" words={t.coverage.some(missing)} /> : <StatusText status="fine" words={t.coverage.all} />;
}

export function CoverageTab({ tenant, set, role, onStarted }: { tenant: string; set: BackupSet; role: Role | undefined; onStarted: (run: Run) => void }) {
  const coverage = useCoverage(tenant, set.id, set.updatedAt);
  const [only, setOnly] = useState<'lacking' | 'all'>('lacking');
  const columns: Column<TypeCoverage>[] = [
    {
      key: 'title',
      header: t.coverage.title,
      width: 'minmax(0, 4fr)',
      wraps: true,
      cell: (type) => (
        <Link to="/t/$tenant/policies" params={{ tenant }} search={{ type: [type.type] }}>
          {type.title}
        </Link>
      ),
    },
    { key: 'tenant', header: t.coverage.inTenant, width: '100px', align: 'end', cell: (type) => formatNumber(type.inTenant) },
    { key: 'set', header: t.coverage.inSet, width: '90px', align: 'end', cell: (type) => formatNumber(type.inSet) },
    { key: 'captured', header: t.coverage.captured, width: '90px', align: 'end', cell: (type) => formatNumber(type.captured) },
    { key: 'state', header: t.columns.state, width: '170px', cell: (type) => <State type={type} /> },
    {
      key: 'level',
      header: t.coverage.level,
      width: 'minmax(0, 5fr)',
      whole: true,
      cell: (type) => (
        <>
          {policies.levels[type.restorability.level] ?? type.restorability.level}
          {type.restorability.reason ? <span className={s.grey}> · {type.restorability.reason}</span> : null}
        </>
      ),
    },
    {
      key: 'command',
      header: <span className="visuallyHidden">{t.coverage.command}</span>,
      width: '190px',
      cell: (type) =>
        lacks(type) > 0 && !set.deletedAt ? (
          <RunStartButton
            size="small"
            role={role}
            need="operator"
            spoken={type.title}
            onStarted={onStarted}
            ask={(key) =>
              api.POST('/v1/tenants/{tenant}/backup-sets/{set}/items', {
                params: { path: { tenant, set: set.id }, header: { 'Idempotency-Key': key } },
                body: { selection: { types: [type.type] }, includeFoundations: set.includeFoundations },
              })
            }
          >
            {t.coverage.addType}
          </RunStartButton>
        ) : null,
    },
  ];
  return (
    <Loaded query={coverage}>
      {(found) => {
        const lacking = found.types.filter((type) => lacks(type) > 0);
        const rows = only === 'all' || lacking.length === 0 ? found.types : lacking;
        return (
          <>
            {found.unlisted.length > 0 ? (
              <Notice kind="warning">
                <p>{t.coverage.unlisted(found.unlisted.length)}</p>
                <ul>
                  {found.unlisted.map((o) => (
                    <li key={o.key}>
                      {o.name}: {o.sentence}
                    </li>
                  ))}
                </ul>
              </Notice>
            ) : null}
            {lacking.length > 0 ? (
              <Facets
                label={t.coverage.show}
                value={only}
                onChange={(next) => setOnly(next as typeof only)}
                options={[
                  { value: 'lacking', label: t.coverage.onlyLacking, count: lacking.length },
                  { value: 'all', label: t.coverage.everything, count: found.types.length },
                ]}
              />
            ) : null}
            {rows.length === 0 ? <p>{t.coverage.none}</p> : <DataTable label={t.tabs.coverage ?? ''} columns={lacking.length > 0 ? columns : columns.slice(0, -1)} rows={rows} rowKey={(type) => type.type} />}
          </>
        );
      }}
    </Loaded>
  );
}
