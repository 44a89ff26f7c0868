// One object of a plan: what it is now, what it would become, and by which requests.
// The detail is read when it is opened.
import { Button, Checkbox } from '@fluentui/react-components';
import { ChevronDown20Regular, ChevronRight20Regular } from '@fluentui/react-icons';
import { useQuery } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { api, exact } from '../../api/client';
import { exactText } from '../../api/exact';
import { keys } from '../../api/keys';
import type { components } from '../../api/schema';
import { formatList } from '../../format/format';
import { common, plan as t } from '../../texts';
import { DataTable, type Column } from '../../ui/DataTable';
import { Link, Sentence } from '../../ui/links';
import { Loaded } from '../../ui/Page';
import { StatusIcon, StatusText } from '../../ui/status';
import { Name } from '../../ui/text';
import { LongText } from '../policy/LongText';
import { changeRows, type ChangeRow } from '../policy-diff/rows';
import { Words } from '../policy-diff/Marked';
import { isLong } from '../policy-diff/words';
import s from './plan.module.css';

type Item = components['schemas']['PlanItemView'];
type Detail = components['schemas']['PlanDetailView'];

export interface Choice {
  chosen: boolean;
  /** What is taken out, by key. */
  left: ReadonlyMap<string, Item>;
  set: (chosen: boolean) => void;
}

const icons: Record<string, string> = { added: 'create', removed: 'delete', changed: 'update', reordered: 'update', unreadable: 'partial' };

export function PlanItem({ tenant, run, item, tab, open, choice }: { tenant: string; run: string; item: Item; tab: string; open: boolean; choice?: Choice }) {
  const [shown, setShown] = useState(open);
  const id = useId();
  const document = item.detail?.split('/').pop();
  const can = Boolean(document);
  return (
    <section className={s.item} aria-labelledby={id} data-plan-item={item.key} data-action={item.action}>
      <div className={s.head}>
        {choice ? <Checkbox aria-label={t.include(item.name)} checked={choice.chosen} onChange={(_, d) => choice.set(d.checked === true)} /> : null}
        <h2 id={id}>
          {can ? (
            <Button
              size="small"
              appearance="subtle"
              icon={shown ? <ChevronDown20Regular /> : <ChevronRight20Regular />}
              aria-expanded={shown}
              aria-label={shown ? t.close(item.name) : t.open(item.name)}
              onClick={() => setShown(!shown)}
            />
          ) : null}
          <StatusText status={item.action ?? 'failed'} words={t.action[item.action ?? 'failed']} />
          <span className={s.name}>
            <Name>{item.name}</Name>
          </span>
        </h2>
        <span className={s.meta}>{item.typeTitle}</span>
        {item.changes ? <span className={s.meta}>{t.changes(item.changes)}</span> : null}
      </div>
      {item.sentence || item.warnings?.length ? (
        <div className={s.body}>
          {item.sentence ? (
            <p>
              <Sentence text={item.sentence} names={[item.name]} />
              {item.next ? ` ${t.next} ${item.next}` : ''} {item.code ? <code>{item.code}</code> : null}
            </p>
          ) : null}
          <Warned of={item} />
        </div>
      ) : null}
      {shown && document ? <Opened tenant={tenant} run={run} document={document} item={item} tab={tab} choice={choice} /> : null}
    </section>
  );
}

function Warned({ of }: { of: Item }) {
  if (!of.warnings?.length) return null;
  return (
    <ul className={s.warnings}>
      {of.warnings.map((w) => (
        <li key={w.code}>
          <StatusIcon status="warning" />
          <span>
            {w.sentence} {w.next ?? ''}
          </span>
        </li>
      ))}
    </ul>
  );
}

function Opened({ tenant, run, document, item, tab, choice }: { tenant: string; run: string; document: string; item: Item; tab: string; choice?: Choice }) {
  // A plan never changes.
  const detail = useQuery({
    queryKey: keys.of(tenant, 'plan-item', run, document),
    queryFn: ({ signal }) => exact<Detail>(api.GET('/v1/tenants/{tenant}/runs/{run}/plan/{document}', { params: { path: { tenant, run, document } }, parseAs: 'text', signal })),
    staleTime: Infinity,
  });
  return (
    <div className={s.body}>
      <Loaded query={detail} rows={2}>
        {(d) => {
          const missing = (d.references ?? []).filter((r) => r.creates && choice?.chosen && choice.left.has(r.creates));
          return (
            <>
              {missing.length > 0 ? (
                <p>
                  <StatusText status="warning" words={t.dependency(formatList(missing.map((r) => r.name ?? r.id)))} />
                </p>
              ) : null}
              {tab === 'raw' ? (
                 
                <pre className={s.raw} tabIndex={0} role="region" aria-label={item.name}>
                  {exactText(d)}
                </pre>
              ) : tab === 'steps' ? (
                <Steps of={d} />
              ) : (
                <Changes of={d} tenant={tenant} />
              )}
            </>
          );
        }}
      </Loaded>
    </div>
  );
}

function Steps({ of: d }: { of: Detail }) {
  if (!d.steps?.length) return <p>{t.noSteps}</p>;
  return (
    <>
      <p className={s.meta}>
        {t.steps}. {d.matched ? `${t.matched[d.matched] ?? d.matched}.` : ''}
      </p>
      <ol>
        {d.steps.map((step, i) => (
          <li key={i}>
            {t.step[step.name] ?? step.name} <code>{step.method}</code>
          </li>
        ))}
      </ol>
    </>
  );
}

function Changes({ of: d, tenant }: { of: Detail; tenant: string }) {
  const rows = changeRows(d.changed?.changes);
  if (d.action === 'delete') return <p>{t.isDeleted}</p>;
  if (rows.length === 0) {
    return (
      <p>
        {d.action === 'create' ? t.isNew : t.noChanges}{' '}
        {d.version ? (
          <Link to="/t/$tenant/policies/$policy" params={{ tenant, policy: d.key }} search={{ v: d.version }}>
            {t.openVersion}
          </Link>
        ) : null}
      </p>
    );
  }
  const columns: Column<ChangeRow>[] = [
    { key: 'setting', header: t.columns.setting, width: 'minmax(0, 1fr)', wraps: true, cell: (row) => <bdi>{row.label}</bdi> },
    { key: 'live', header: t.columns.live, width: 'minmax(0, 1fr)', wraps: true, cell: (row) => <Side row={row} side="before" /> },
    { key: 'backup', header: t.columns.backup, width: 'minmax(0, 1fr)', wraps: true, cell: (row) => <Side row={row} side="after" /> },
    { key: 'effect', header: t.columns.effect, width: '140px', cell: (row) => <StatusText status={icons[row.kind] ?? 'update'} words={t.kinds[row.kind] ?? row.kind} /> },
  ];
  return (
    <>
      {d.changed?.truncated ? <p>{t.truncated(rows.length, d.changed.total)}</p> : null}
      <DataTable label={d.name} columns={columns} rows={rows} rowKey={(row) => row.id} />
    </>
  );
}

function Side({ row, side }: { row: ChangeRow; side: 'before' | 'after' }) {
  const value = row[side];
  if (row.secret) return <>{t.secret}</>;
  if (!value) return <>{common.nothing}</>;
  if (side === 'after' && row.before && isLong(row.before.text, value.text)) return <Words before={row.before.text} after={value.text} />;
  return <LongText text={value.text} title={value.title} />;
}
