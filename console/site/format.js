// Times, durations and sizes, by the server's clock: a client's clock may be
// off, and a wait below zero helps nobody.
import { h } from './dom.js';

let skew = 0; // milliseconds that the server is ahead

// learnClock takes the Date header of an answer.
export function learnClock(header) {
  const server = Date.parse(header ?? '');
  if (!Number.isNaN(server)) skew = server - Date.now();
}

export function serverNow() {
  return Date.now() + skew;
}

const absolute = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function ago(iso) {
  const at = Date.parse(iso);
  const seconds = Math.max(0, Math.round((serverNow() - at) / 1000));
  if (seconds < 45) return 'just now';
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h ago`;
  const days = Math.round(seconds / 86400);
  if (days < 7) return days === 1 ? '1 day ago' : `${days} days ago`;
  return absolute.format(at);
}

// time is a moment as people say it; the tooltip holds the zone and UTC.
export function time(iso) {
  if (!iso) return '–';
  const at = new Date(iso);
  return h('time', { datetime: iso, title: `${full.format(at)} (${at.toISOString()})` }, ago(iso));
}

// refreshTimes keeps "3 min ago" true on a page that stays open.
export function refreshTimes() {
  for (const el of document.querySelectorAll('time')) {
    const text = ago(el.dateTime);
    if (el.textContent !== text) el.textContent = text;
  }
}

export function clockTime(ms) {
  return clock.format(ms);
}

export function duration(fromIso, toIso) {
  if (!fromIso) return '–';
  const s = Math.max(0, Math.round(((toIso ? Date.parse(toIso) : serverNow()) - Date.parse(fromIso)) / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
