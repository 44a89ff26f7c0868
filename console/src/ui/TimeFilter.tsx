// A span of time as a filter: one of the usual spans, or two days. The address holds
// moments, so that a link shows the same to everybody.
import { Button, Field, Input, Popover, PopoverSurface, PopoverTrigger } from '@fluentui/react-components';
import { ChevronDown16Regular } from '@fluentui/react-icons';
import { useState, type FormEvent } from 'react';
import { serverNow } from '../format/clock';
import { absolute, formatDay } from '../format/format';
import { filtering as t } from '../texts';
import s from './ui.module.css';

export interface Span {
  /** At or after, ISO. */
  from?: string;
  /** Before, ISO. */
  to?: string;
}

const HOUR = 3_600_000;

const pad = (n: number) => String(n).padStart(2, '0');
/** "2026-11-21", by the clock of the reader. */
export const dayOf = (iso: string): string => {
  const d = new Date(iso);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
};

/** From the first moment of one day to the last of another; an empty day is no bound. */
export function spanOf(first: string, last: string): Span {
  const start = (day: string, plus: number) => {
    const [y, m, d] = day.split('-').map(Number) as [number, number, number];
    return new Date(y, m - 1, d + plus).toISOString();
  };
  return { from: first ? start(first, 0) : undefined, to: last ? start(last, 1) : undefined };
}

/** The last day of a span whose end is the first moment after it. */
const lastDay = (to: string | undefined) => (to ? dayOf(new Date(Date.parse(to) - 1).toISOString()) : '');
const midnight = (iso: string) => {
  const d = new Date(iso);
  return d.getHours() === 0 && d.getMinutes() === 0;
};

export function spanWords({ from, to }: Span): string {
  const begin = from ? (midnight(from) ? formatDay(from) : absolute(from)) : '';
  const end = to ? formatDay(new Date(Date.parse(to) - 1).toISOString()) : '';
  if (begin && end) return begin === end ? begin : t.between(begin, end);
  return begin ? t.since(begin) : end ? t.until(end) : '';
}

const readable = (iso: string | undefined) => (iso && !Number.isNaN(Date.parse(iso)) ? iso : undefined);

export function TimeFilter({ from, to, onChange, open: withEnd = true }: Span & { onChange: (next: Span) => void; /** false: only since when */ open?: boolean }) {
  const [open, setOpen] = useState(false);
  const span = { from: readable(from), to: readable(to) };
  const words = spanWords(span);
  const choose = (next: Span) => {
    setOpen(false);
    onChange(next);
  };
  return (
    <Popover inline open={open} onOpenChange={(_, d) => setOpen(d.open)} trapFocus positioning="below-start">
      <PopoverTrigger disableButtonEnhancement>
        <Button icon={<ChevronDown16Regular />} iconPosition="after" data-filter={t.time}>
          {words ? `${t.time}: ${words}` : t.time}
        </Button>
      </PopoverTrigger>
      <PopoverSurface aria-label={t.time} className={`overPage ${s.panel}`}>
        <div className={s.commands}>
          {([['day', 24], ['week', 7 * 24], ['month', 30 * 24]] as const).map(([name, hours]) => (
            <Button key={name} size="small" onClick={() => choose({ from: new Date(Math.floor((serverNow() - hours * HOUR) / 60_000) * 60_000).toISOString(), to: undefined })}>
              {t.spans[name]}
            </Button>
          ))}
        </div>
        <Days span={span} withEnd={withEnd} apply={choose} />
      </PopoverSurface>
    </Popover>
  );
}

function Days({ span, withEnd, apply }: { span: Span; withEnd: boolean; apply: (next: Span) => void }) {
  const [first, setFirst] = useState(span.from ? dayOf(span.from) : '');
  const [last, setLast] = useState(lastDay(span.to));
  const wrong = Boolean(first && last && last < first);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!wrong) apply(spanOf(first, withEnd ? last : ''));
  };
  return (
    <form className={s.panel} onSubmit={send}>
      <Field label={t.from}>
        <Input type="date" value={first} onChange={(_, d) => setFirst(d.value)} />
      </Field>
      {withEnd ? (
        <Field label={t.to} validationState={wrong ? 'error' : undefined} validationMessage={wrong ? t.endsFirst : undefined}>
          <Input type="date" value={last} onChange={(_, d) => setLast(d.value)} />
        </Field>
      ) : null}
      <div className={s.commands}>
        <Button type="submit" appearance="primary">
          {t.apply}
        </Button>
        <Button onClick={() => apply({ from: undefined, to: undefined })}>{t.anyTime}</Button>
      </div>
    </form>
  );
}
