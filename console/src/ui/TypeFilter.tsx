// The filter of policy types, in the order of their families, with how many policies
// the tenant has of each. Types that it does not use come after those it does.
import type { TypeOfTenant } from '../api/policyTypes';
import { FilterMenu } from './FilterBar';

export function TypeFilter({ label, types, value, onChange }: { label: string; types: TypeOfTenant[] | undefined; value: string[] | undefined; onChange: (next: string[] | undefined) => void }) {
  const used = (types ?? []).filter((type) => type.policies + type.vanished > 0 || value?.includes(type.id));
  const options = used.sort((a, b) => a.title.localeCompare(b.title)).map((type) => ({ value: type.id, label: type.title, count: type.policies }));
  for (const id of value ?? []) if (!options.some((o) => o.value === id)) options.push({ value: id, label: id, count: 0 });
  return <FilterMenu label={label} options={options} value={value} onChange={onChange} />;
}
