// When a schedule fires, as people choose it: every day, on some days of the week, on
// a day of the month, every few hours. All else is kept as the expression that it is.
// The API alone says what an expression means; this reads what it wrote itself.
import { schedules as t } from '../../texts';

export type Cadence =
  | { kind: 'daily'; time: string }
  | { kind: 'weekly'; days: string[]; time: string }
  | { kind: 'monthly'; day: string; time: string }
  | { kind: 'hours'; every: number }
  | { kind: 'custom'; expression: string };

export const WEEKDAYS = ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'];
const SUNDAY_FIRST = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const pad = (n: number) => String(n).padStart(2, '0');

function timeOf(minutes: string, hours: string): string | null {
  if (!/^\d{1,2}$/.test(minutes) || !/^\d{1,2}$/.test(hours) || Number(minutes) > 59 || Number(hours) > 23) return null;
  return `${pad(Number(hours))}:${pad(Number(minutes))}`;
}

/** MON,WED or 2,4 or MON-FRI, in the order of the week; null for anything else. */
function daysOf(field: string): string[] | null {
  const at = (word: string): number => (/^[1-7]$/.test(word) ? Number(word) - 1 : SUNDAY_FIRST.indexOf(word.toUpperCase()));
  const found = new Set<string>();
  for (const part of field.split(',')) {
    const [first, last, more] = part.split('-');
    const begin = at(first as string);
    const end = last === undefined ? begin : at(last);
    if (more !== undefined || begin < 0 || end < 0 || end < begin) return null;
    for (let i = begin; i <= end; i++) found.add(SUNDAY_FIRST[i] as string);
  }
  return WEEKDAYS.filter((d) => found.has(d));
}

export function readCadence(expression: string): Cadence {
  const custom: Cadence = { kind: 'custom', expression };
  const rate = /^rate\((\d{1,4}) (hours?|days?)\)$/.exec(expression);
  if (rate) {
    const hours = Number(rate[1]) * (rate[2]?.startsWith('day') ? 24 : 1);
    return hours >= 1 && hours <= 24 && rate[2]?.startsWith('hour') ? { kind: 'hours', every: hours } : custom;
  }
  const cron = /^cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)$/.exec(expression);
  if (!cron) return custom;
  const [, minutes, hours, day, month, week, year] = cron as unknown as string[];
  const time = timeOf(minutes as string, hours as string);
  if (!time || month !== '*' || year !== '*') return custom;
  if (day === '*' && week === '?') return { kind: 'daily', time };
  if (day === '?' && week === '*') return { kind: 'daily', time };
  if (week === '?' && (day === 'L' || /^([1-9]|[12]\d|3[01])$/.test(day as string))) return { kind: 'monthly', day: day as string, time };
  const days = day === '?' ? daysOf(week as string) : null;
  return days ? (days.length === 7 ? { kind: 'daily', time } : { kind: 'weekly', days, time }) : custom;
}

/** The expression, or "" while something is missing. */
export function writeCadence(c: Cadence): string {
  if (c.kind === 'custom') return c.expression.trim();
  if (c.kind === 'hours') return c.every >= 1 ? `rate(${c.every} ${c.every === 1 ? 'hour' : 'hours'})` : '';
  const [hours, minutes] = c.time.split(':').map(Number);
  if (hours === undefined || minutes === undefined || Number.isNaN(hours) || Number.isNaN(minutes) || c.time.length < 4) return '';
  if (c.kind === 'daily') return `cron(${minutes} ${hours} * * ? *)`;
  if (c.kind === 'monthly') return c.day ? `cron(${minutes} ${hours} ${c.day} * ? *)` : '';
  return c.days.length ? `cron(${minutes} ${hours} ? * ${WEEKDAYS.filter((d) => c.days.includes(d)).join(',')} *)` : '';
}

/** "Daily 02:00". */
export function describeCadence(expression: string): string {
  const c = readCadence(expression);
  switch (c.kind) {
    case 'daily':
      return t.describe.daily(c.time);
    case 'weekly':
      return c.days.join() === 'MON,TUE,WED,THU,FRI' ? t.describe.weekdays(c.time) : t.describe.weekly(c.days, c.time);
    case 'monthly':
      return t.describe.monthly(c.day, c.time);
    case 'hours':
      return t.describe.hours(c.every);
    default:
      return c.expression;
  }
}
