// Reads captured content as text. JSON.parse would round every whole number
// beyond 2^53, and a backup that shows another number than it holds is worse
// than none. So the content is cut out of the answer and indented, character by
// character, and never decoded.

const SPACE = /[\x20\t\n\r]/;

function skipSpace(text: string, i: number): number {
  while (i < text.length && SPACE.test(text[i] as string)) i++;
  return i;
}

// stringEnd returns the index after the string that begins at i.
function stringEnd(text: string, i: number): number {
  for (let j = i + 1; j < text.length; j++) {
    if (text[j] === '\\') j++;
    else if (text[j] === '"') return j + 1;
  }
  throw new SyntaxError('string without an end');
}

// valueEnd returns the index after the value that begins at i.
function valueEnd(text: string, i: number): number {
  let depth = 0;
  for (let j = i; j < text.length; ) {
    const c = text[j] as string;
    if (c === '"') {
      j = stringEnd(text, j);
      if (depth === 0) return j;
    } else if (c === '{' || c === '[') {
      depth++;
      j++;
    } else if (c === '}' || c === ']') {
      if (depth === 0) return j;
      j++;
      if (--depth === 0) return j;
    } else if (depth === 0 && (c === ',' || SPACE.test(c as string))) {
      return j;
    } else {
      j++;
    }
  }
  if (depth > 0) throw new SyntaxError('value without an end');
  return text.length;
}

// cut takes the member called name out of a JSON object: its own text, and the
// rest of the object, parsed, without it.
export function cut(text: string, name: string): { value: string; rest: Record<string, unknown> } {
  let i = skipSpace(text, 0);
  if (text[i] !== '{') throw new SyntaxError('not an object');
  i = skipSpace(text, i + 1);
  while (text[i] === '"') {
    const keyEnd = stringEnd(text, i);
    const key: unknown = JSON.parse(text.slice(i, keyEnd));
    let from = skipSpace(text, keyEnd);
    if (text[from] !== ':') throw new SyntaxError('member without a value');
    from = skipSpace(text, from + 1);
    const to = valueEnd(text, from);
    if (key === name) {
      return { value: text.slice(from, to), rest: JSON.parse(`${text.slice(0, from)}null${text.slice(to)}`) };
    }
    i = skipSpace(text, to);
    if (text[i] === ',') i = skipSpace(text, i + 1);
  }
  throw new SyntaxError(`no member ${name}`);
}

// indent lays JSON text out for reading. Every number, string and literal stays
// as it is written, to the character.
export function indent(text: string): string {
  const out: string[] = [];
  let depth = 0;
  const line = () => out.push('\n', '  '.repeat(depth));
  for (let i = skipSpace(text, 0); i < text.length; i = skipSpace(text, i)) {
    const c = text[i] as string;
    if (c === '"') {
      const end = stringEnd(text, i);
      out.push(text.slice(i, end));
      i = end;
    } else if (c === '{' || c === '[') {
      const after = skipSpace(text, i + 1);
      if (text[after] === '}' || text[after] === ']') {
        out.push(c, text[after] as string);
        i = after + 1;
      } else {
        out.push(c);
        depth++;
        line();
        i++;
      }
    } else if (c === '}' || c === ']') {
      depth = Math.max(0, depth - 1);
      line();
      out.push(c);
      i++;
    } else if (c === ',') {
      out.push(c);
      line();
      i++;
    } else if (c === ':') {
      out.push(': ');
      i++;
    } else {
      let end = i + 1;
      while (end < text.length && !/[\s,:[\]{}"]/.test(text[end] as string)) end++;
      out.push(text.slice(i, end));
      i = end;
    }
  }
  return out.join('');
}
