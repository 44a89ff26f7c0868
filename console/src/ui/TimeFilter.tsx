// A span of time as a filter: the last day, week or month, which stays true when it
// is kept, or two dates, the second included.
import { Field, Input } from '@fluentui/react-components';
import { useMemo, useState } from 'react';
import { serverNow } from '../format/clock';
import { runs as t } from '../texts';
import { FilterChoice } from './FilterBar';
import s from './ui.module.css';

const DAY = 86_400_000;
const spans: Record<string, number> = { '24h': DAY, '7d': 7 * DAY, '30d': 30 * DAY };
const date = /^\d{4}-\d{2}-\d{2}$/;

const midnight = (day: string, plus: number): string | undefined => {
  const [year, month, at] = day.split('-').map(Number);
  const moment = new Date(year as number, (month as number) - 1, (at as number) + plus);
  return Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
};

/** The address's from and to as the API takes them. A span counts from when the page was opened. */
export function useSpan(from: string | undefined, to: string | undefined): { from?: string; to?: string } {
  return useMemo(() => {
    const begin = from && spans[from] ? new Date(serverNow() - spans[from]).toISOString() : from && date.test(from) ? midnight(from, 0) : undefined;
    return { from: begin, to: to && date.test(to) ? midnight(to, 1) : undefined };
  }, [from, to]);
}

export function TimeFilter({ from, to, onChange }: { from: string | undefined; to: string | undefined; onChange: (from: string | undefined, to: string | undefined) => void }) {
  const ranged = Boolean((from && date.test(from)) || to);
  const [range, setRange] = useState(false);
  const value = ranged || range ? 'range' : from && spans[from] ? from : undefined;
  const options = [
    { value: '24h', label: t.times.today }, { value: '7d', label: t.times.week }, { value: '30d', label: t.times.month }, { value: 'range', label: t.times.range },
  ];
  return (
    <>
      <FilterChoice
        label={t.filters.time}
        options={options}
        value={value}
        onChange={(next) => {
          setRange(next === 'range');
          if (next !== 'range') onChange(next, undefined);
          else if (!ranged) onChange(undefined, undefined);
        }}
      />
      {value === 'range' ? (
        <span className={s.commands}>
          <Field label={t.from} orientation="horizontal">
            <Input type="date" value={from && date.test(from) ? from : ''} onChange={(_, d) => onChange(d.value || undefined, to)} />
          </Field>
          <Field label={t.to} orientation="horizontal">
            <Input type="date" value={to ?? ''} onChange={(_, d) => onChange(from && date.test(from) ? from : undefined, d.value || undefined)} />
          </Field>
        </span>
      ) : null}
    </>
  );
}
