import { describe, expect, test } from 'vitest';
import { dayOf, spanOf, spanWords } from './TimeFilter';

describe('a span of days', () => {
  test('has its last day whole', () => {
    const span = spanOf('2026-11-20', '2026-11-21');
    expect(Date.parse(span.to as string) - Date.parse(span.from as string)).toBe(2 * 24 * 3_600_000);
    expect(dayOf(span.from as string)).toBe('2026-11-20');
    expect(spanWords(span)).toBe('20 Nov 2026 to 21 Nov 2026');
  });
  test('may be open at an end, or be one day', () => {
    expect(spanOf('', '')).toEqual({ from: undefined, to: undefined });
    expect(spanWords(spanOf('2026-11-20', ''))).toBe('since 20 Nov 2026');
    expect(spanWords(spanOf('', '2026-11-20'))).toBe('until 20 Nov 2026');
    expect(spanWords(spanOf('2026-11-20', '2026-11-20'))).toBe('20 Nov 2026');
  });
});
