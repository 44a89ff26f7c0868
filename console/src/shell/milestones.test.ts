// A listener hears of quarters and of waiting, once each, and of nothing between.
import { expect, test } from 'vitest';
import { Milestones } from './milestones';

const run = (done: number, waiting = false, total = 40) =>
  ({ id: 'r', status: 'running', counts: { total, succeeded: done, failed: 0, skipped: 0 }, waiting: waiting ? { code: 'graph_throttled' } : undefined }) as Parameters<Milestones['of']>[0];

test('quarters are said once each', () => {
  const m = new Milestones();
  const said = Array.from({ length: 41 }, (_, done) => m.of(run(done))).filter(Boolean);
  expect(said).toEqual([25, 50, 75].map((percent) => ({ kind: 'quarter', percent })));
});

test('a jump says the last quarter, and a growing total none twice', () => {
  const m = new Milestones();
  m.of(run(0));
  expect(m.of(run(25))).toEqual({ kind: 'quarter', percent: 50 });
  expect(m.of(run(26, false, 400))).toBe(null);
  expect(m.of(run(200, false, 400))).toBe(null);
});

test('waiting and going on are said', () => {
  const m = new Milestones();
  m.of(run(3));
  expect(m.of(run(3, true))).toEqual({ kind: 'waits' });
  expect(m.of(run(3, true))).toBe(null);
  expect(m.of(run(3))).toEqual({ kind: 'resumes' });
});

test('a page that is opened late, and small runs, say nothing', () => {
  const m = new Milestones();
  expect(m.of(run(30))).toBe(null);
  expect(m.of({ ...run(1, false, 2), id: 's' })).toBe(null);
  expect(m.of({ ...run(2, false, 2), id: 's' })).toBe(null);
});
