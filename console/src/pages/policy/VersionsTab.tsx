// The versions of a policy, newest first: compared with the one before, or any two.
import { Button } from '@fluentui/react-components';
import { useState } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import type { components } from '../../api/schema';
import type { PolicyVersion, Role } from '../../api/types';
import { formatSize } from '../../format/format';
import { policy as t } from '../../texts';
import { CommandLink } from '../../ui/CommandLink';
import { DataTable, type Column } from '../../ui/DataTable';
import { Link, RunLink } from '../../ui/links';
import { Loaded } from '../../ui/Page';
import { Pager } from '../../ui/Pager';
import { includes } from '../../ui/RunStartButton';
import { StatusText } from '../../ui/status';
import { Name, Time } from '../../ui/text';
import s from './policy.module.css';

export type VersionList = components['schemas']['ListVersionView'];

export interface VersionsTabProps {
  tenant: string;
  policy: string;
  role: Role | undefined;
  versions: UseQueryResult<VersionList>;
  shown: number;
  page: string | undefined;
  go: (page: string | undefined) => void;
}

export function VersionsTab({ tenant, policy, role, versions, shown, page, go }: VersionsTabProps) {
  const [chosen, setChosen] = useState<Set<string>>(new Set());
  const [older, newer] = [...chosen].map(Number).sort((a, b) => a - b);
  const columns: Column<PolicyVersion>[] = [
    {
      key: 'version',
      header: t.columns.version,
      width: '130px',
      cell: (v) => (
        <>
          <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy }} search={{ v: v.number }}>
            {t.versionName(v.number)}
          </Link>
          {v.number === shown ? <span className={s.count}> {t.shown}</span> : null}
        </>
      ),
    },
    { key: 'at', header: t.columns.at, width: '140px', cell: (v) => <Time at={v.capturedAt} /> },
    { key: 'by', header: t.columns.by, width: 'minmax(0, 1fr)', cell: (v) => <Name>{v.capturedBy}</Name> },
    { key: 'state', header: t.columns.state, width: 'minmax(0, 2fr)', wraps: true, cell: (v) => (v.complete ? <StatusText status="fine" words={t.whole} /> : <StatusText status="partial" words={v.notes[0]?.sentence ?? t.incomplete} />) },
    { key: 'size', header: t.columns.size, width: '80px', align: 'end', cell: (v) => formatSize(v.size) },
    {
      key: 'actions',
      header: t.columns.actions,
      width: 'minmax(0, 4fr)',
      whole: true,
      cell: (v) => (
        <span className={s.tools}>
          {v.number > 1 ? (
            <Link to="/t/$tenant/policies/$policy/diff" params={{ tenant, policy }} search={{ from: v.number - 1, to: v.number }}>
              {t.compare}
              <span className="visuallyHidden">: {t.versionName(v.number)}</span>
            </Link>
          ) : null}
          {includes(role, 'operator') && v.restorability.level !== 'capture_only' ? (
            <Link to="/t/$tenant/restore" params={{ tenant }} search={{ policy, v: v.number }}>
              {t.restoreThis}
              <span className="visuallyHidden"> {t.versionName(v.number)}</span>
            </Link>
          ) : null}
          <RunLink run={{ tenantId: tenant, id: v.runId }}>
            {t.run}
            <span className="visuallyHidden">: {t.versionName(v.number)}</span>
          </RunLink>
        </span>
      ),
    },
  ];
  return (
    <Loaded query={versions}>
      {(list) => (
        <>
          {list.items.length > 1 ? (
            <div className={s.tools}>
              {older && newer ? (
                <CommandLink to="/t/$tenant/policies/$policy/diff" params={{ tenant, policy }} search={{ from: older, to: newer }} primary>
                  {t.compareTwo}
                </CommandLink>
              ) : (
                <Button disabledFocusable>{t.compareTwo}</Button>
              )}
              <span className={s.count}>{t.compareHint}</span>
            </div>
          ) : null}
          <DataTable
            label={t.tabs.versions}
            columns={columns}
            rows={list.items}
            rowKey={(v) => String(v.number)}
            rowName={(v) => t.versionName(v.number)}
            twoLines
            selected={list.items.length > 1 ? chosen : undefined}
            onSelect={(next) => setChosen(new Set([...next].slice(-2)))}
          />
          <Pager page={page} next={list.nextPageToken} go={go} />
        </>
      )}
    </Loaded>
  );
}
