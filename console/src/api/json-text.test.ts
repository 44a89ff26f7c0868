// Captured content is shown as it was stored: the reader of JSON text may change
// white space and nothing else.
import { expect, test } from 'vitest';
import { cut, indent } from './json-text';

const squeeze = (text: string) => {
  let out = '';
  for (let i = 0, inside = false; i < text.length; i++) {
    const c = text[i] as string;
    if (inside && c === '\\') {
      out += c + text[++i];
      continue;
    }
    if (c === '"') inside = !inside;
    if (inside || !/\s/.test(c)) out += c;
  }
  return out;
};

test('numbers and strings stay as they are written', () => {
  const text = '{"a":9007199254740993,"b":[1.10,1E-7,-0,123456789012345678901234567890],"c":"x, {y}: [\\"z\\"] \\\\","d":{},"e":[ ],"f":null}';
  expect(squeeze(indent(text))).toBe(squeeze(text));
  expect(indent('{"a":9007199254740993,"d":{}}')).toBe('{\n  "a": 9007199254740993,\n  "d": {}\n}');
});

test('the content is cut out of an answer untouched, and the rest is read', () => {
  const content = '{"content":9223372036854775807,"t":"\\"}, \\\\"}';
  for (const text of [
    `{"number":3,"notes":[{"code":"content"}],"content":${content}}`,
    `{ "content" : ${content} , "number" : 3 }`,
    `{"name":"\\"content\\":1","\\u0063ontent":${content},"number":3}`,
  ]) {
    const { value, rest } = cut(text, 'content');
    expect(value).toBe(content);
    expect(rest.number).toBe(3);
    expect(rest.content).toBe(null);
  }
  for (const value of ['null', '12', '"text"', '[]', 'true']) expect(cut(`{"a":1,"content":${value}}`, 'content').value).toBe(value);
});

test('what is cut off or no object is an error, not a guess', () => {
  for (const text of ['', '[]', '{}', '{"a":1}', '{"content":{"a":1', '{"content":"abc', '{"content"}', 'null']) {
    expect(() => cut(text, 'content'), text).toThrow(SyntaxError);
  }
});

test('any JSON survives', () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`SEED=${seed}`);
  let state = seed;
  const random = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  const strings = ['', 'a', '"', '\\', '\\"', '{', '}', '[,]', ': ', '\n', '\u2028', 'é\u{1F600}', 'content', '</script>'];
  const make = (depth: number): unknown => {
    switch (random(depth > 4 ? 5 : 7)) {
      case 0: return null;
      case 1: return random(2) === 1;
      case 2: return random(1000) - 500;
      case 3: return random(1000) / 8;
      case 4: return strings[random(strings.length)];
      case 5: return Array.from({ length: random(4) }, () => make(depth + 1));
      default: return Object.fromEntries(Array.from({ length: random(4) }, (_, i) => [`${strings[random(strings.length)]}${i}`, make(depth + 1)]));
    }
  };
  for (let i = 0; i < 2000; i++) {
    const value = make(0);
    const text = JSON.stringify(value);
    expect(JSON.parse(indent(text))).toEqual(value);
    const { value: found, rest } = cut(`{"n":1,"content":${text},"z":"q"}`, 'content');
    expect(found).toBe(text);
    expect(rest.z).toBe('q');
  }
});
