// Captured content is shown as it was stored: the reader of JSON text may change
// white space and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cut, indent } from '../../console/site/json-text.js';

const squeeze = (text) => {
  let out = '';
  for (let i = 0, inside = false; i < text.length; i++) {
    if (inside && text[i] === '\\') {
      out += text[i] + text[++i];
      continue;
    }
    if (text[i] === '"') inside = !inside;
    if (inside || !/\s/.test(text[i])) out += text[i];
  }
  return out;
};

test('numbers and strings stay as they are written', () => {
  const text = '{"a":9007199254740993,"b":[1.10,1E-7,-0,123456789012345678901234567890],"c":"x, {y}: [\\"z\\"] \\\\","d":{},"e":[ ],"f":null}';
  assert.equal(squeeze(indent(text)), squeeze(text));
  assert.equal(indent('{"a":9007199254740993,"d":{}}'), '{\n  "a": 9007199254740993,\n  "d": {}\n}');
});

test('the content is cut out of an answer untouched, and the rest is read', () => {
  const content = '{"content":9223372036854775807,"t":"\\"}, \\\\"}';
  for (const text of [
    `{"number":3,"notes":[{"code":"content"}],"content":${content}}`,
    `{ "content" : ${content} , "number" : 3 }`,
    `{"name":"\\"content\\":1","\\u0063ontent":${content},"number":3}`,
  ]) {
    const { value, rest } = cut(text, 'content');
    assert.equal(value, content);
    assert.equal(rest.number, 3);
    assert.equal(rest.content, null);
  }
  for (const value of ['null', '12', '"text"', '[]', 'true']) assert.equal(cut(`{"a":1,"content":${value}}`, 'content').value, value);
});

test('what is cut off or no object is an error, not a guess', () => {
  for (const text of ['', '[]', '{}', '{"a":1}', '{"content":{"a":1', '{"content":"abc', '{"content"}', 'null']) {
    assert.throws(() => cut(text, 'content'), SyntaxError, text);
  }
});

test('any JSON survives', () => {
  const seed = Number(process.env.SEED) || (Date.now() & 0x7fffffff);
  console.log(`SEED=${seed}`);
  let state = seed;
  const random = (n) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 8) % n;
  };
  const strings = ['', 'a', '"', '\\', '\\"', '{', '}', '[,]', ': ', '\n', '\u2028', 'é\u{1F600}', 'content', '</script>'];
  const make = (depth) => {
    switch (random(depth > 4 ? 5 : 7)) {
      case 0: return null;
      case 1: return random(2) === 1;
      case 2: return random(1000) - 500;
      case 3: return random(1000) / 8;
      case 4: return strings[random(strings.length)];
      case 5: return Array.from({ length: random(4) }, () => make(depth + 1));
      default: return Object.fromEntries(Array.from({ length: random(4) }, (_, i) => [strings[random(strings.length)] + i, make(depth + 1)]));
    }
  };
  for (let i = 0; i < 2000; i++) {
    const value = make(0);
    const text = JSON.stringify(value);
    assert.deepEqual(JSON.parse(indent(text)), value);
    const { value: found, rest } = cut(`{"n":1,"content":${text},"z":"q"}`, 'content');
    assert.equal(found, text);
    assert.equal(rest.z, 'q');
  }
});
