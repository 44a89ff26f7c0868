// Policy content holds numbers that JavaScript cannot: 9007199254740993 would
// become …992, 1.10 would become 1.1. They are kept as they are written.

/** A number in the digits of the original. */
export class ExactNumber {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARK = '\u0000n';

/** JSON.parse, with ExactNumber for each number that would otherwise change. */
export function parseExact(text: string): unknown {
  let marked = false;
  const safe = text.replace(TOKEN, (token) => {
    if (token[0] === '"' || String(Number(token)) === token) return token;
    marked = true;
    return `{"\\u0000n":"${token}"}`;
  });
  if (!marked) return JSON.parse(text);
  return JSON.parse(safe, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null) return value;
    const held = (value as Record<string, unknown>)[MARK];
    return typeof held === 'string' && Object.keys(value).length === 1 ? new ExactNumber(held) : value;
  });
}

/** JSON text of a value as parseExact reads it. */
export function exactText(value: unknown, indent = 2, depth = 0): string {
  const pad = indent ? `\n${' '.repeat(indent * (depth + 1))}` : '';
  const end = indent ? `\n${' '.repeat(indent * depth)}` : '';
  if (value instanceof ExactNumber) return value.text;
  if (Array.isArray(value)) {
    if (value.length === 0) return '[]';
    return `[${value.map((v) => pad + exactText(v, indent, depth + 1)).join(',')}${end}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 0) return '{}';
    return `{${entries.map(([k, v]) => `${pad}${JSON.stringify(k)}:${indent ? ' ' : ''}${exactText(v, indent, depth + 1)}`).join(',')}${end}}`;
  }
  return JSON.stringify(value) ?? 'null';
}
