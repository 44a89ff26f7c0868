// Ends are told once; many at once are told as one; a failure is not pushed away by
// good news.
import { beforeEach, expect, test } from 'vitest';
import type { Run } from '../api/types';
import { currentToasts, forgetToasts, toast, toastEnd } from './toasts';

beforeEach(forgetToasts);

let n = 0;
const run = (status: Run['status']) =>
  ({ id: `r${++n}`, tenantId: 't', tenantName: 'T', status, sentence: `${status} ${n}`, target: { kind: 'tenant', id: 't', name: 'T' }, initiator: { name: 'A' } }) as Run;

test('two ends are two messages, three within five seconds are one', () => {
  toastEnd(run('succeeded'), 0);
  toastEnd(run('failed'), 1000);
  expect(currentToasts().map((x) => x.stays)).toEqual([false, true]);
  toastEnd(run('succeeded'), 2000);
  expect(currentToasts().map((x) => x.text)).toEqual(['3 runs ended: 2 succeeded and 1 failed.']);
  toastEnd(run('succeeded'), 3000);
  expect(currentToasts().map((x) => x.text)).toEqual(['4 runs ended: 3 succeeded and 1 failed.']);
  expect(currentToasts()[0]?.stays).toBe(true);
});

test('ends that are far apart stay apart', () => {
  for (let at = 0; at < 18_000; at += 6000) toastEnd(run('succeeded'), at);
  expect(currentToasts().length).toBe(3);
});

test('at most three are shown, and a failure stays', () => {
  toast({ status: 'failed', text: 'bad' });
  for (let i = 0; i < 5; i++) toast({ status: 'succeeded', text: `good ${i}` });
  expect(currentToasts().map((x) => x.text)).toEqual(['bad', 'good 3', 'good 4']);
});
