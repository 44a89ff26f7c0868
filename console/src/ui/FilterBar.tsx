// Filters above a list. What is chosen stands in the address; a change goes back
// to the first page. Menus hold several choices; chips hold one of few.
import {
  Button, Menu, MenuItemCheckbox, MenuItemRadio, MenuList, MenuPopover, MenuTrigger, SearchBox,
} from '@fluentui/react-components';
import { ChevronDown16Regular } from '@fluentui/react-icons';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { bindKey } from '../shell/keys';
import { common as t } from '../texts';
import { formatNumber } from '../format/format';
import s from './ui.module.css';

/** active: how many filters are set; clear: removes them all. result: "12 runs". */
export function FilterBar({ children, active, clear, result }: { children: ReactNode; active: number; clear: () => void; result?: string }) {
  return (
    <div className={s.filters} role="search" aria-label={t.filters}>
      {children}
      {active > 0 ? (
        <Button appearance="subtle" onClick={clear}>
          {t.clearFilters}
        </Button>
      ) : null}
      {result ? (
        <span className={s.resultCount} role="status">
          {result}
        </span>
      ) : null}
    </div>
  );
}

export interface Option {
  value: string;
  label: string;
  count?: number;
}

/** A menu of check marks: repeated keys of the address. */
export function FilterMenu({ label, options, value, onChange }: { label: string; options: Option[]; value: string[] | undefined; onChange: (next: string[] | undefined) => void }) {
  const chosen = value ?? [];
  const words = chosen.length === 0 ? label : `${label}: ${chosen.length === 1 ? (options.find((o) => o.value === chosen[0])?.label ?? chosen[0]) : chosen.length}`;
  return (
    // Inline: a menu elsewhere in the document lies outside of every landmark.
    <Menu
      inline
      checkedValues={{ filter: chosen }}
      onCheckedValueChange={(_, { checkedItems }) => onChange(checkedItems.length ? checkedItems : undefined)}
    >
      <MenuTrigger disableButtonEnhancement>
        <Button icon={<ChevronDown16Regular />} iconPosition="after" data-filter={label}>
          {words}
        </Button>
      </MenuTrigger>
      <MenuPopover className="overPage">
        <MenuList>
          {options.map((o) => (
            <MenuItemCheckbox key={o.value} name="filter" value={o.value} secondaryContent={o.count === undefined ? undefined : formatNumber(o.count)}>
              {o.label}
            </MenuItemCheckbox>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** A menu of which one is chosen, or none; any: how none is called. */
export function FilterChoice<T extends string>({ label, options, value, any = t.any, onChange }: { label: string; options: { value: T; label: string }[]; value: T | undefined; any?: string; onChange: (next: T | undefined) => void }) {
  const chosen = options.find((o) => o.value === value);
  return (
    <Menu
      checkedValues={{ filter: [value ?? ''] }}
      onCheckedValueChange={(_, { checkedItems }) => onChange((checkedItems[0] || undefined) as T | undefined)}
    >
      <MenuTrigger disableButtonEnhancement>
        <Button icon={<ChevronDown16Regular />} iconPosition="after" data-filter={label}>
          {chosen ? `${label}: ${chosen.label}` : label}
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <MenuList>
          <MenuItemRadio name="filter" value="">
            {any}
          </MenuItemRadio>
          {options.map((o) => (
            <MenuItemRadio key={o.value} name="filter" value={o.value}>
              {o.label}
            </MenuItemRadio>
          ))}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

/** Chips, of which one is chosen, with counts. */
export function Facets({ label, options, value, onChange }: { label: string; options: Option[]; value: string; onChange: (next: string) => void }) {
  return (
    <div className={s.chips} role="group" aria-label={label}>
      {options.map((o) => (
        <button key={o.value} type="button" className={s.chip} aria-pressed={o.value === value} onClick={() => onChange(o.value)}>
          {o.label}
          {o.count === undefined ? null : ` ${formatNumber(o.count)}`}
        </button>
      ))}
    </div>
  );
}

/** Search by typing: "/" comes here. Letters reach the address after a moment. */
export function FilterSearch({ label, value, onChange }: { label: string; value: string | undefined; onChange: (next: string | undefined) => void }) {
  const [text, setText] = useState(value ?? '');
  const input = useRef<HTMLInputElement>(null);
  const sent = useRef(value ?? '');
  const change = useRef(onChange);
  change.current = onChange;
  useEffect(() => bindKey('/', () => input.current?.focus()), []);
  useEffect(() => {
    // Changed from outside: back, or "Clear filters".
    if ((value ?? '') !== sent.current) {
      sent.current = value ?? '';
      setText(value ?? '');
    }
  }, [value]);
  useEffect(() => {
    const next = text.trim();
    if (next === sent.current) return undefined;
    const timer = setTimeout(() => {
      sent.current = next;
      change.current(next || undefined);
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  return <SearchBox ref={input} aria-label={label} placeholder={label} value={text} maxLength={200} onChange={(_, d) => setText(d.value)} />;
}
