// What a page's address says beside its path. Every value is text; a repeated key
// is a list. Each page names the keys that it knows, and what they may hold: the
// rest is left aside, so that a mistyped or older address still opens.
//
//   const runs = search({ status: many(), superseded: oneOf('hide', 'show'), page: one() });

type Raw = Record<string, unknown>;

/** Reads "?status=failed&status=partial" as { status: ['failed', 'partial'] }. */
export function parseSearch(text: string): Raw {
  const out: Record<string, string | string[]> = {};
  for (const [key, value] of new URLSearchParams(text)) {
    const before = out[key];
    if (before === undefined) out[key] = value;
    else out[key] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  return out;
}

export function stringifySearch(values: Raw): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    for (const v of [value].flat()) if (v !== undefined && v !== null && v !== '') params.append(key, String(v));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

type Field<T> = (values: string[]) => T | undefined;
const LONGEST = 2000;

/** Any text. */
export const one = (): Field<string> => (v) => v[0] || undefined;
/** Any texts: repeated keys mean "or". */
export const many = (): Field<string[]> => (v) => (v.length ? v : undefined);
/** One of these. */
export const oneOf =
  <const T extends string>(...allowed: T[]): Field<T> =>
  (v) =>
    allowed.find((a) => a === v[0]);
/** Some of these. */
export const someOf =
  <const T extends string>(...allowed: T[]): Field<T[]> =>
  (v) => {
    const known = allowed.filter((a) => v.includes(a));
    return known.length ? known : undefined;
  };
/** A whole number above zero. */
export const whole = (): Field<number> => (v) => (/^[1-9]\d{0,8}$/.test(v[0] ?? '') ? Number(v[0]) : undefined);
/** Present as 1, or not. */
export const flag = (): Field<1> => (v) => (v[0] === '1' ? 1 : undefined);

export type SearchOf<F extends Record<string, Field<unknown>>> = { [K in keyof F]?: NonNullable<ReturnType<F[K]>> };

/** The reader of a page's search values. */
export function search<F extends Record<string, Field<unknown>>>(fields: F): (raw: Raw) => SearchOf<F> {
  return (raw) => {
    const out: Raw = {};
    for (const [key, read] of Object.entries(fields)) {
      const values = [raw[key]].flat().filter((v) => v !== undefined && v !== null).map((v) => String(v).slice(0, LONGEST));
      const value = read(values);
      if (value !== undefined) out[key] = value;
    }
    return out as SearchOf<F>;
  };
}
