// Times, durations, numbers and sizes as people read them. Every page shows them
// through here, by the server's clock.
import { serverNow } from './clock';

const LOCALE = 'en-US';

const number = new Intl.NumberFormat(LOCALE);
const dayAndTime = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const clockSeconds = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const zoned = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
const plurals = new Intl.PluralRules(LOCALE);

/** 1204 → "1,204". */
export const formatNumber = (n: number): string => number.format(n);

/** count(1, 'policy', 'policies') → "1 policy". */
export const count = (n: number, one: string, other: string): string => `${number.format(n)} ${plurals.select(n) === 'one' ? one : other}`;

/** Rounded down, so that 100% means complete. */
export const percent = (part: number, whole: number): string => `${whole <= 0 ? 0 : Math.floor((100 * part) / whole)}%`;

/** "8 min ago" up to seven days, then the date. */
export function ago(iso: string, now: number = serverNow()): string {
  const at = Date.parse(iso);
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 45) return 'just now';
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 84_600) return `${Math.round(seconds / 3600)} h ago`;
  const days = Math.round(seconds / 86_400);
  return days <= 7 ? `${days} d ago` : dayAndTime.format(at);
}

/** "in 15 h"; a moment that has passed is "now". */
export function ahead(iso: string, now: number = serverNow()): string {
  const seconds = Math.max(0, Math.round((Date.parse(iso) - now) / 1000));
  if (seconds < 1) return 'now';
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 3570) return `in ${Math.round(seconds / 60)} min`;
  if (seconds < 84_600) return `in ${Math.round(seconds / 3600)} h`;
  const days = Math.round(seconds / 86_400);
  return days <= 7 ? `in ${days} d` : dayAndTime.format(Date.parse(iso));
}

/** "21 Nov 2026, 10:31". */
export const absolute = (iso: string): string => dayAndTime.format(Date.parse(iso));
/** "21 Nov 2026". */
export const formatDay = (iso: string): string => day.format(Date.parse(iso));
/** "Mon 23 Nov 2026, 02:00" in a time zone that the browser knows; else in UTC. */
export function inZone(iso: string, timeZone: string): string {
  const options: Intl.DateTimeFormatOptions = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' };
  try {
    return new Intl.DateTimeFormat('en-GB', { ...options, timeZone }).format(Date.parse(iso));
  } catch {
    return `${new Intl.DateTimeFormat('en-GB', { ...options, timeZone: 'UTC' }).format(Date.parse(iso))} UTC`;
  }
}
/** "2 h", "3 d": how long ago, in one unit. */
export function age(iso: string, now: number = serverNow()): string {
  const minutes = Math.max(0, Math.round((now - Date.parse(iso)) / 60_000));
  if (minutes < 60) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} d`;
}
/** "10:31". */
export const clockTime = (at: string | number): string => clock.format(typeof at === 'number' ? at : Date.parse(at));
/** "10:31:04". */
export const clockTimeSeconds = (at: string | number): string => clockSeconds.format(typeof at === 'number' ? at : Date.parse(at));
/** Absolute with zone, and UTC: what hover and focus show. */
export const precise = (iso: string): string => `${zoned.format(Date.parse(iso))} (${new Date(iso).toISOString()})`;

/** "41 s", "4 min 12 s", "2 h 5 min"; never below zero. */
export function formatDuration(milliseconds: number): string {
  const s = Math.max(0, Math.round(milliseconds / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** What is left, as an estimate: rounded, since it is one. */
export function formatRemaining(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 1) return 'less than a minute left';
  if (minutes > 60) return 'more than an hour left';
  return minutes === 1 ? 'about 1 minute left' : `about ${minutes} minutes left`;
}

/** Bytes. */
export function formatSize(bytes: number): string {
  if (bytes < 1000) return count(bytes, 'byte', 'bytes');
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** "a, b and c". */
const lists = new Intl.ListFormat(LOCALE);
export const formatList = (parts: string[]): string => lists.format(parts);
