// Content is shown as it was stored, to the digit.
import { expect, test } from 'vitest';
import { ExactNumber, exactText, parseExact } from './exact';

test('numbers that JavaScript cannot hold keep their digits', () => {
  const text = '{"a":9007199254740993,"b":[1.10,1E-7,12,-0.5,"9007199254740993","\\"1.10"],"c":{},"d":[],"e":null,"f":true}';
  expect(exactText(parseExact(text), 0)).toBe(text);
  const value = parseExact(text) as { a: ExactNumber; b: unknown[] };
  expect(value.a.text).toBe('9007199254740993');
  expect(value.b[2]).toBe(12);
});

test('text without such numbers is plain JSON', () => {
  const value = { name: '<img src=x onerror=alert(1)>', n: [1, 2.5], deep: { x: null } };
  expect(parseExact(JSON.stringify(value))).toEqual(value);
  expect(exactText(value)).toBe(JSON.stringify(value, null, 2));
});
