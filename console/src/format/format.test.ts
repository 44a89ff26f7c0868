// What people read must be true at the edges: never negative, never 100% too soon.
import { expect, test } from 'vitest';
import { ago, ahead, count, formatDuration, formatRemaining, formatSize, percent } from './format';

const now = Date.parse('2026-11-21T10:31:00Z');
const before = (seconds: number) => new Date(now - seconds * 1000).toISOString();

test('times are relative for a week', () => {
  expect(ago(before(-30), now)).toBe('just now');
  expect(ago(before(44), now)).toBe('just now');
  expect(ago(before(46), now)).toBe('1 min ago');
  expect(ago(before(8 * 60), now)).toBe('8 min ago');
  expect(ago(before(3599), now)).toBe('1 h ago');
  expect(ago(before(8 * 3600), now)).toBe('8 h ago');
  expect(ago(before(86_399), now)).toBe('1 d ago');
  expect(ago(before(7 * 86_400), now)).toBe('7 d ago');
  expect(ago(before(9 * 86_400), now)).toMatch(/^12 Nov 2026, /);
  expect(ahead(before(-15 * 3600), now)).toBe('in 15 h');
  expect(ahead(before(3), now)).toBe('now');
});

test('durations never fall below zero', () => {
  expect(formatDuration(-5000)).toBe('0 s');
  expect(formatDuration(41_000)).toBe('41 s');
  expect(formatDuration(252_000)).toBe('4 min 12 s');
  expect(formatDuration(7_500_000)).toBe('2 h 5 min');
  expect(formatRemaining(20_000)).toBe('less than a minute left');
  expect(formatRemaining(119_000)).toBe('about 2 minutes left');
  expect(formatRemaining(4e6)).toBe('more than an hour left');
});

test('all is said of the whole alone', () => {
  expect(percent(999, 1000)).toBe('99%');
  expect(percent(1000, 1000)).toBe('100%');
  expect(percent(0, 0)).toBe('0%');
  expect(count(1, 'policy', 'policies')).toBe('1 policy');
  expect(count(1204, 'policy', 'policies')).toBe('1,204 policies');
  expect(formatSize(1)).toBe('1 byte');
});
