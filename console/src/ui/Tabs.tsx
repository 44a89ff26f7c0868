// Tabs bound to a value of the address; a select on narrow pages.
import { Select, Tab, TabList } from '@fluentui/react-components';
import { useId, type ReactNode } from 'react';
import { formatNumber } from '../format/format';
import s from './ui.module.css';

export interface TabOption<T extends string> {
  value: T;
  label: string;
  count?: number;
}

const words = (o: { label: string; count?: number }) => (o.count === undefined ? o.label : `${o.label} (${formatNumber(o.count)})`);

export function Tabs<T extends string>({ label, options, value, onChange, children }: { label: string; options: TabOption<T>[]; value: T; onChange: (next: T) => void; children: ReactNode }) {
  const id = useId();
  return (
    <div className={s.panel}>
      <div className={s.tabs}>
        <TabList selectedValue={value} onTabSelect={(_, d) => onChange(d.value as T)} aria-label={label}>
          {options.map((o) => (
            <Tab key={o.value} value={o.value} id={`${id}-${o.value}`} aria-controls={`${id}-panel`}>
              {words(o)}
            </Tab>
          ))}
        </TabList>
        <div className={s.tabSelect}>
          <Select aria-label={label} value={value} onChange={(_, d) => onChange(d.value as T)}>
            {options.map((o) => (
              <option key={o.value} value={o.value}>
                {words(o)}
              </option>
            ))}
          </Select>
        </div>
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${value}`} className={s.panel}>
        {children}
      </div>
    </div>
  );
}
