// Polling is polite: never hidden, never paused, never twice at once, slower after
// errors, and over when asking cannot help.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiProblem } from '../api/problem';
import { ACTIVE, IDLE, Scheduler, type Watch } from './scheduler';

const env = { now: () => Date.now(), random: () => 1, hidden: () => false, paused: () => false };

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => {
  vi.useRealTimers();
  Object.assign(env, { hidden: () => false, paused: () => false });
});

function source(interval: () => number | null, answer: () => Promise<unknown> = () => Promise.resolve()) {
  let at = Date.now();
  const asked: number[] = [];
  const watch: Watch = {
    id: 'a',
    interval,
    answeredAt: () => at,
    ask: async () => {
      asked.push(Date.now());
      try {
        await answer();
      } finally {
        at = Date.now();
      }
    },
  };
  return { watch, asked };
}

test('asks every two seconds while something runs, then every thirty, then never', async () => {
  let interval: number | null = ACTIVE;
  const s = new Scheduler(env);
  const { watch, asked } = source(() => interval);
  s.watch(watch);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.length).toBe(5);
  interval = IDLE;
  s.plan();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(7);
  interval = null;
  s.plan();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked.length).toBe(7);
});

test('asks nothing in a hidden tab or while paused, and at once when seen again', async () => {
  const s = new Scheduler(env);
  const { watch, asked } = source(() => ACTIVE);
  s.watch(watch);
  env.hidden = () => true;
  s.plan();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked).toEqual([]);
  env.hidden = () => false;
  env.paused = () => true;
  s.focused();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked).toEqual([]);
  env.paused = () => false;
  s.focused();
  await vi.advanceTimersByTimeAsync(0);
  expect(asked.length).toBe(1);
});

test('waits longer after each error, as long as it is told, and recovers', async () => {
  let answer = (): Promise<unknown> => Promise.reject(new ApiProblem({ status: 503, code: 'unavailable' }));
  const s = new Scheduler(env);
  const { watch, asked } = source(() => ACTIVE, () => answer());
  s.watch(watch);
  await vi.advanceTimersByTimeAsync(ACTIVE + 2000 + 4000 + 8000);
  const gaps = asked.slice(1).map((at, i) => at - (asked[i] as number));
  expect(gaps).toEqual([2000, 4000, 8000]);
  expect(s.standing().failing).toBe(true);
  answer = () => Promise.reject(new ApiProblem({ status: 429, code: 'rate_limited', retryAfter: 90 }));
  await vi.advanceTimersByTimeAsync(16_000);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(89_000);
  expect(asked.length).toBe(before);
  answer = () => Promise.resolve();
  await vi.advanceTimersByTimeAsync(1500);
  expect(asked.length).toBe(before + 1);
  expect(s.standing().failing).toBe(false);
});

test('gives up what is forbidden or gone, until somebody asks again', async () => {
  const s = new Scheduler(env);
  const { watch, asked } = source(() => ACTIVE, () => Promise.reject(new ApiProblem({ status: 403, code: 'forbidden_tenant' })));
  s.watch(watch);
  await vi.advanceTimersByTimeAsync(100_000);
  expect(asked.length).toBe(1);
  s.now('a');
  await vi.advanceTimersByTimeAsync(100);
  expect(asked.length).toBe(2);
});

test('asks once for all who watch the same, and never twice at once', async () => {
  let done = () => {};
  const s = new Scheduler(env);
  const { watch, asked } = source(() => ACTIVE, () => new Promise<void>((resolve) => (done = resolve)));
  const end = s.watch(watch);
  const endOther = s.watch(watch);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(1);
  done();
  end();
  await vi.advanceTimersByTimeAsync(3000);
  expect(asked.length).toBe(2);
  done();
  endOther();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(2);
});
