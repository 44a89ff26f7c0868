// Changes of the API as rows that people read: names where there are some, values as text.
import type { components } from '../../api/schema';
import { valueText } from '../policy/settings';

type Change = components['schemas']['Change'];
type Value = components['schemas']['Value'];

export interface ChangeRow {
  id: string;
  label: string;
  section: string;
  kind: string;
  before: Shown | null;
  after: Shown | null;
  secret: boolean;
}

export interface Shown {
  text: string;
  title?: string;
  size?: number;
}

const plain = /^#?microsoft\.graph\./;

function shown(v: Value | undefined): Shown | null {
  if (!v) return null;
  const text = valueText(v.json).replace(plain, '');
  return { text: v.name || text, title: v.name ? text : undefined, size: v.cut ? v.size : undefined };
}

export const changeRows = (changes: Change[] | null | undefined): ChangeRow[] =>
  (changes ?? []).map((c, i) => ({
    id: `${i}`, label: c.label, section: c.section, kind: c.kind, before: shown(c.before), after: shown(c.after), secret: c.secret ?? false,
  }));
