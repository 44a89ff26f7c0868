// What people rely on when they read a change inside a long text.
import { expect, test } from 'vitest';
import { fold, foldLines, isLong, lines, words, type Piece } from './words';

const glue = (pieces: Piece[], without: 'added' | 'removed') => pieces.filter((p) => p.kind !== without).map((p) => p.text).join('');

test('the pieces are both texts, whole', () => {
  const before = 'Remove-Item $path -Force -Recurse\nWrite-Host done';
  const after = 'Remove-Item $path -WhatIf -Recurse\nWrite-Host done';
  const found = words(before, after) ?? [];
  expect(glue(found, 'added')).toBe(before);
  expect(glue(found, 'removed')).toBe(after);
  expect(found.filter((p) => p.kind === 'removed').map((p) => p.text)).toEqual(['Force']);
});

test('texts that differ in everything end in time', () => {
  const noise = (seed: number) => Array.from({ length: 60_000 }, (_, i) => ((i * seed * 2654435761) >>> 7).toString(36)).join(' ');
  const begun = performance.now();
  words(noise(3), noise(7));
  expect(performance.now() - begun).toBeLessThan(5000);
});

test('what did not change is left out, and how much is said', () => {
  const folded = fold([{ kind: 'removed', text: 'a' }, { kind: 'same', text: 'x'.repeat(1000) }, { kind: 'added', text: 'b' }]);
  expect(folded.map((p) => p.skipped ?? p.text.length)).toEqual([1, 80, 840, 80, 1]);
});

test('lines keep three around a change', () => {
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}`).join('\n');
  const folded = foldLines(lines(before, before.replace('line 10', 'line ten')) ?? []);
  expect(folded.map((l) => l.skipped ?? l.text)).toEqual([7, 'line 7', 'line 8', 'line 9', 'line 10', 'line ten', 'line 11', 'line 12', 'line 13', 6]);
});

test('short values stand side by side', () => {
  expect(isLong('Disabled', 'Enabled')).toBe(false);
  expect(isLong('a '.repeat(100), 'b '.repeat(100))).toBe(true);
});
