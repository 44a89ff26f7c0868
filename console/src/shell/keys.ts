// Single-key shortcuts: none while typing, none while a dialog is open, and one
// switch turns all off (WCAG 2.1.4).
import { currentChoices } from './store';

type Handler = () => void;
const pageKeys = new Map<string, Handler[]>();
const lists: { body: () => HTMLElement | null; toggle: (key: string) => void }[] = [];
let prefix = 0; // when "g" was pressed

/** bindKey('r', refresh) until the returned function is called. "g r" is g, then r. */
export function bindKey(key: string, handler: Handler): () => void {
  const handlers = pageKeys.get(key) ?? [];
  pageKeys.set(key, [...handlers, handler]);
  return () => {
    const left = (pageKeys.get(key) ?? []).filter((h) => h !== handler);
    if (left.length) pageKeys.set(key, left);
    else pageKeys.delete(key);
  };
}

/** Rows for j, k and x: elements with data-row below the body. */
export function registerList(body: () => HTMLElement | null, toggle: (key: string) => void): () => void {
  const list = { body, toggle };
  lists.push(list);
  return () => void lists.splice(lists.indexOf(list), 1);
}

const typing = (el: EventTarget | null): boolean =>
  el instanceof HTMLElement &&
  (el.isContentEditable || el.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=button]), [role=combobox], [role=menu] *, [role=listbox] *'));

function moveRow(by: 1 | -1): boolean {
  const rows = lists.flatMap((l) => [...(l.body()?.querySelectorAll<HTMLElement>('[data-row]') ?? [])]);
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))] as HTMLElement;
  (next.querySelector<HTMLElement>('a[href]') ?? next).focus();
  next.scrollIntoView({ block: 'nearest' });
  return true;
}

function selectRow(): boolean {
  const row = (document.activeElement as HTMLElement | null)?.closest<HTMLElement>('[data-row]');
  const list = row && lists.find((l) => l.body()?.contains(row));
  if (!row || !list) return false;
  list.toggle(row.dataset.row as string);
  return true;
}

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing(event.target) || !currentChoices().shortcuts || document.querySelector('[role=dialog][aria-modal=true]')) return;
  const afterG = Date.now() - prefix < 1500;
  prefix = 0;
  const name = afterG ? `g ${event.key}` : event.key;
  const handler = pageKeys.get(name)?.at(-1);
  if (handler) {
    event.preventDefault();
    handler();
  } else if (!afterG && event.key === 'g') {
    prefix = Date.now();
  } else if ((name === 'j' && moveRow(1)) || (name === 'k' && moveRow(-1)) || (name === 'x' && selectRow())) {
    event.preventDefault();
  }
}

/** Listens; once, at the start. */
export function beginKeys(): void {
  document.addEventListener('keydown', pressed);
}
