// A table of rows: made of div elements with the roles of a table, so that it can
// become stacked rows on narrow pages. j and k move between the rows, Enter opens
// the link of one, x selects it.
import { Fragment, useEffect, useRef, type CSSProperties, type ReactNode } from 'react';
import { registerList } from '../shell/keys';
import { common as t } from '../texts';
import s from './ui.module.css';

export interface Column<R> {
  key: string;
  header: ReactNode;
  cell: (row: R) => ReactNode;
  /** A track of a CSS grid: "2fr", "120px", "minmax(160px, 2fr)". */
  width?: string;
  align?: 'end';
  /** Wraps to two lines; otherwise it is one line with an ellipsis. */
  wraps?: boolean;
  /** Wraps to any number of lines: for commands, and for what must be read whole. */
  whole?: boolean;
}

export interface DataTableProps<R> {
  /** What the table holds, for those who listen. */
  label: string;
  columns: Column<R>[];
  rows: R[];
  rowKey: (row: R) => string;
  /** Rows of two lines: 48 instead of 36 px. */
  twoLines?: boolean;
  /** Keys of the selected rows. They may name rows of other pages: a selection survives paging. */
  selected?: ReadonlySet<string>;
  onSelect?: (next: Set<string>) => void;
  /** What a row is called in "Select …". */
  rowName?: (row: R) => string;
  /** Rows that cannot be selected. */
  selectable?: (row: R) => boolean;
  /** What stands below a row, such as its explanation; null for nothing. */
  detail?: (row: R) => ReactNode;
  /** Rows of all pages, when known. */
  total?: number;
  busy?: boolean;
}

export function DataTable<R>({ label, columns, rows, rowKey, twoLines = false, selected, onSelect, rowName, selectable, detail, total, busy }: DataTableProps<R>) {
  const body = useRef<HTMLDivElement>(null);
  const selects = Boolean(selected && onSelect);
  const can = (row: R) => selectable?.(row) ?? true;
  const choosable = selects ? rows.filter(can) : [];
  const chosenHere = choosable.filter((row) => selected?.has(rowKey(row))).length;

  const toggle = (key: string) => {
    const next = new Set(selected);
    if (!next.delete(key)) next.add(key);
    onSelect?.(next);
  };
  const toggleAll = () => {
    const next = new Set(selected);
    for (const row of choosable) {
      if (chosenHere === choosable.length) next.delete(rowKey(row));
      else next.add(rowKey(row));
    }
    onSelect?.(next);
  };
  const toggleRef = useRef(toggle);
  toggleRef.current = toggle;

  useEffect(() => registerList(() => body.current, (key) => selects && toggleRef.current(key)), [selects]);

  const tracks = [...(selects ? ['24px'] : []), ...columns.map((c) => c.width ?? 'minmax(0, 1fr)')].join(' ');
  return (
    <div
      role="table"
      aria-label={label}
      aria-rowcount={total !== undefined ? total + 1 : undefined}
      aria-busy={busy || undefined}
      className={`${s.table} ${twoLines ? s.two : ''}`}
      style={{ '--columns': tracks } as CSSProperties}
    >
      <div role="rowgroup" className={s.headGroup}>
        <div role="row" className={`${s.row} ${s.head}`}>
          {selects ? (
            <div role="columnheader" className={s.cell}>
              <label className={s.check}>
                <input
                  type="checkbox"
                  aria-label={t.selectAll}
                  checked={choosable.length > 0 && chosenHere === choosable.length}
                  ref={(el) => {
                    if (el) el.indeterminate = chosenHere > 0 && chosenHere < choosable.length;
                  }}
                  disabled={choosable.length === 0}
                  onChange={toggleAll}
                />
              </label>
            </div>
          ) : null}
          {columns.map((c) => (
            <div key={c.key} role="columnheader" className={`${s.cell} ${c.align === 'end' ? s.end : ''}`}>
              {c.header}
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={s.body} ref={body}>
        {rows.map((row) => {
          const key = rowKey(row);
          const chosen = selected?.has(key) ?? false;
          const below = detail?.(row);
          return (
            <Fragment key={key}>
              <div role="row" tabIndex={-1} data-row={key} className={`${s.row} ${chosen ? s.chosen : ''}`}>
                {selects ? (
                  <div role="cell" className={s.cell}>
                    {can(row) ? (
                      <label className={s.check}>
                        <input type="checkbox" aria-label={t.select(rowName?.(row) ?? key)} checked={chosen} onChange={() => toggle(key)} />
                      </label>
                    ) : null}
                  </div>
                ) : null}
                {columns.map((c, i) => (
                  <div key={c.key} role="cell" className={`${s.cell} ${i === 0 ? s.first : ''} ${c.align === 'end' ? s.end : ''} ${c.wraps ? s.wraps : ''} ${c.whole ? s.whole : ''}`}>
                    <span className={s.label} aria-hidden="true">
                      {i === 0 ? null : c.header}
                    </span>
                    <div className={s.content}>{c.cell(row)}</div>
                  </div>
                ))}
              </div>
              {below ? (
                <div role="row">
                  <div role="cell" aria-colspan={columns.length + (selects ? 1 : 0)} className={s.extra}>
                    {below}
                  </div>
                </div>
              ) : null}
            </Fragment>
          );
        })}
      </div>
    </div>
  );
}
