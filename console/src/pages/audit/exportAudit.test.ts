import { expect, test } from 'vitest';
import { countLines, joinParts } from './exportAudit';

test('parts become one file with the names of the columns once', () => {
  const text = joinParts(['at,event\r\n1,a\r\n', 'at,event\r\n2,b\r\n', 'at,event\r\n']);
  expect(text).toBe('at,event\r\n1,a\r\n2,b\r\n');
  expect(countLines(text)).toBe(2);
});

test('a break within a quoted text is no line', () => {
  expect(countLines('at,event\r\n1,"a\nb ""c"""\r\n')).toBe(1);
});
