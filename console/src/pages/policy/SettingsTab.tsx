// The settings of a version by name, in their sections; found by name or value.
import { Button } from '@fluentui/react-components';
import { useMemo, useState } from 'react';
import { common, policy as t } from '../../texts';
import { DataTable } from '../../ui/DataTable';
import { FilterBar, FilterSearch } from '../../ui/FilterBar';
import { NothingMatches } from '../../ui/Page';
import { LongText } from './LongText';
import { SECTIONS, settingsOf, type Setting } from './settings';
import s from './policy.module.css';

const FIRST = 200; // rows; more on request, so that a large policy opens at once

export function SettingsTab({ content, q, setQ }: { content: unknown; q: string | undefined; setQ: (q: string | undefined) => void }) {
  const all = useMemo(() => settingsOf(content), [content]);
  const [limit, setLimit] = useState(FIRST);
  const wanted = (q ?? '').toLocaleLowerCase();
  const found = wanted ? all.filter((row) => row.label.toLocaleLowerCase().includes(wanted) || row.value.toLocaleLowerCase().includes(wanted)) : all;
  if (all.length === 0) return <p>{t.noSettings}</p>;
  const shown = found.slice(0, limit);
  const columns = [
    { key: 'setting', header: t.setting, width: 'minmax(0, 1fr)', whole: true, cell: (row: Setting & { id: number }) => <bdi>{row.label}</bdi> },
    { key: 'value', header: t.value, width: 'minmax(0, 1fr)', whole: true, cell: (row: Setting & { id: number }) => <LongText text={row.value || common.nothing} title={row.title} /> },
  ];
  return (
    <>
      <FilterBar active={q ? 1 : 0} clear={() => setQ(undefined)} result={t.settings(found.length)}>
        <FilterSearch label={t.search} value={q} onChange={setQ} />
      </FilterBar>
      {found.length === 0 ? <NothingMatches what={t.noMatch} filters={1} clear={() => setQ(undefined)} /> : null}
      {SECTIONS.map((section) => {
        const rows = shown.flatMap((row, id) => (row.section === section ? [{ ...row, id }] : []));
        if (rows.length === 0) return null;
        return (
          <section key={section} className={s.section}>
            <h2>{t.sections[section]}</h2>
            <DataTable label={t.sections[section] ?? section} columns={columns} rows={rows} rowKey={(row) => String(row.id)} />
          </section>
        );
      })}
      {found.length > shown.length ? (
        <div>
          <Button onClick={() => setLimit(limit + 1000)}>{t.more(found.length - shown.length)}</Button>
        </div>
      ) : null}
    </>
  );
}
