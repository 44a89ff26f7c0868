// Filters that a person keeps for a page, in the API, for that person alone: a menu
// that applies them, keeps the present ones under a name, and removes old ones.
import { Button, Field, Input, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger } from '@fluentui/react-components';
import { ChevronDown16Regular, Delete16Regular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useRef, useState } from 'react';
import { all, api, data } from '../api/client';
import type { components } from '../api/schema';
import { parseSearch, stringifySearch } from '../search';
import { announce } from '../shell/announce';
import { runs as t } from '../texts';
import { ConfirmDialog } from './ConfirmDialog';

type Saved = components['schemas']['SavedFilterView'];

export interface SavedFiltersProps {
  /** Which list it is of: "runs". */
  page: string;
  /** Absent for pages over all tenants. */
  tenant?: string;
  /** The filters of the address, without page and item. */
  search: Record<string, unknown>;
  active: number;
}

const plain = (search: Record<string, unknown>): string => {
  const { page: _page, item: _item, view: _view, ...rest } = search;
  return stringifySearch(rest).slice(1);
};

export function SavedFilters({ page, tenant, search, active }: SavedFiltersProps) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [saving, setSaving] = useState(false);
  const [name, setName] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const id = useRef('');
  const key = ['filters', tenant ?? '', page] as const;
  const list = useQuery<Saved[]>({
    queryKey: key,
    queryFn: ({ signal }) => all((pageToken) => data(api.GET('/v1/me/filters', { params: { query: { tenant, page, pageSize: 200, pageToken } }, signal }))),
    staleTime: 60_000,
  });
  const saved = list.data ?? [];
  const now = plain(search);
  const chosen = saved.find((f) => f.query === now && now !== '');
  const again = () => client.invalidateQueries({ queryKey: key });
  const apply = (f: Saved) => void navigate({ to: '.', search: (() => ({ ...parseSearch(f.query), view: f.id })) as never });
  const remove = async (f: Saved) => {
    await data(api.DELETE('/v1/me/filters/{filter}', { params: { path: { filter: f.id }, query: { tenant } } }));
    announce(t.removed(f.name));
    await again();
  };
  return (
    <>
      <Menu inline>
        <MenuTrigger disableButtonEnhancement>
          <Button appearance="subtle" icon={<ChevronDown16Regular />} iconPosition="after" data-filter={t.saved}>
            {chosen ? `${t.saved}: ${chosen.name}` : t.saved}
          </Button>
        </MenuTrigger>
        <MenuPopover className="overPage">
          <MenuList>
            {saved.length === 0 ? <MenuItem disabled>{t.noSaved}</MenuItem> : null}
            {saved.map((f) => (
              <MenuItem key={f.id} onClick={() => apply(f)}>
                <bdi>{f.name}</bdi>
              </MenuItem>
            ))}
            <MenuDivider />
            <MenuItem
              disabled={active === 0 || chosen !== undefined}
              onClick={() => {
                id.current = crypto.randomUUID();
                setName('');
                setSaving(true);
              }}
            >
              {t.save}
            </MenuItem>
            {chosen ? (
              <MenuItem icon={<Delete16Regular />} onClick={() => void remove(chosen)}>
                {t.remove(chosen.name)}
              </MenuItem>
            ) : null}
          </MenuList>
        </MenuPopover>
      </Menu>
      <ConfirmDialog
        open={saving}
        title={t.saveTitle}
        confirm={t.saveDo}
        missing={() => (name.trim() ? null : field.current)}
        onClose={() => setSaving(false)}
        onConfirm={async () => {
          await data(api.PUT('/v1/me/filters/{filter}', { params: { path: { filter: id.current } }, body: { page, name: name.trim(), query: now, tenantId: tenant } }));
          announce(t.savedAs(name.trim()));
          await again();
        }}
      >
        <Field label={t.saveName} required>
          <Input ref={field} value={name} maxLength={100} onChange={(_, d) => setName(d.value)} />
        </Field>
      </ConfirmDialog>
    </>
  );
}
