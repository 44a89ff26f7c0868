// Views of a list that one gave a name: chosen from a menu, saved, removed. They are
// kept by the API, for oneself alone, and hold what stands in the address.
import {
  Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Field, Input, Menu, MenuDivider, MenuItem, MenuItemRadio,
  MenuList, MenuPopover, MenuTrigger,
} from '@fluentui/react-components';
import { Bookmark16Regular, ChevronDown16Regular } from '@fluentui/react-icons';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { api, data } from '../api/client';
import type { SavedFilter } from '../api/types';
import { announce } from '../shell/announce';
import { common, filtering as t } from '../texts';
import { ActionButton } from './ActionButton';
import { FormDialog } from './FormDialog';
import { LiveRegions } from './LiveRegions';
import { ProblemNotice } from './Notice';
import { appliedQuery, sameQuery, savedQuery } from './savedQuery';
import { Name } from './text';
import s from './ui.module.css';

export interface SavedFiltersProps {
  /** The list's name: "runs", "audit". */
  list: string;
  /** Of which tenant; none for pages over all tenants. */
  tenant?: string;
  /** The page's search values. */
  search: object;
  /** Which of them are filters. */
  fields: string[];
}

export function SavedFilters({ list, tenant, search, fields }: SavedFiltersProps) {
  const navigate = useNavigate();
  const client = useQueryClient();
  const [doing, setDoing] = useState<'save' | 'remove' | null>(null);
  const [name, setName] = useState('');
  const key = ['saved-filters', tenant ?? '', list];
  const saved = useQuery({
    queryKey: key,
    queryFn: async ({ signal }) => (await data(api.GET('/v1/me/filters', { params: { query: { tenant, page: list } }, signal }))).items,
    staleTime: 60_000,
  });
  const query = savedQuery(search, fields);
  const current = saved.data?.find((f) => sameQuery(f.query, query, fields));
  const refresh = () => client.invalidateQueries({ queryKey: key });
  const apply = (f: SavedFilter | undefined) => {
    if (!f) return;
    void navigate({ to: '.', search: ((before: object) => ({ ...before, ...appliedQuery(f.query, fields) })) as never });
    announce(t.applied(f.name));
  };
  const save = async () => {
    const same = saved.data?.find((f) => f.name === name.trim());
    const body = { tenantId: tenant, page: list, name: name.trim(), query };
    await data(api.PUT('/v1/me/filters/{filter}', { params: { path: { filter: same?.id ?? crypto.randomUUID() } }, body }));
    announce(t.savedAs(name.trim()));
    await refresh();
  };
  const remove = async (f: SavedFilter) => {
    await data(api.DELETE('/v1/me/filters/{filter}', { params: { path: { filter: f.id }, query: { tenant } } }));
    announce(t.removedFilter(f.name));
    await refresh();
  };
  const close = () => setDoing(null);
  return (
    <>
      <Menu
        inline
        checkedValues={{ saved: current ? [current.id] : [] }}
        onCheckedValueChange={(_, { checkedItems }) => apply(saved.data?.find((f) => f.id === checkedItems[0]))}
      >
        <MenuTrigger disableButtonEnhancement>
          <Button appearance="subtle" icon={<ChevronDown16Regular />} iconPosition="after" data-saved-filters>
            {current ? t.savedIs(current.name) : t.saved}
          </Button>
        </MenuTrigger>
        <MenuPopover className="overPage">
          <MenuList>
            {saved.isError ? <MenuItem onClick={() => void saved.refetch()}>{t.savedFailed}</MenuItem> : null}
            {saved.data?.length === 0 ? <MenuItem disabled>{t.noneSaved}</MenuItem> : null}
            {saved.data?.map((f) => (
              <MenuItemRadio key={f.id} name="saved" value={f.id}>
                <Name>{f.name}</Name>
              </MenuItemRadio>
            ))}
            <MenuDivider />
            <MenuItem
              icon={<Bookmark16Regular />}
              disabled={!query || Boolean(current)}
              onClick={() => {
                setName('');
                setDoing('save');
              }}
            >
              {t.save}
            </MenuItem>
            {saved.data?.length ? <MenuItem onClick={() => setDoing('remove')}>{t.remove}</MenuItem> : null}
          </MenuList>
        </MenuPopover>
      </Menu>
      <FormDialog open={doing === 'save'} title={t.saveTitle} submit={t.saveIt} check={(): Record<string, string> => (name.trim() ? {} : { name: t.nameMissing })} onSubmit={save} onClose={close}>
        {(fault) => (
          <Field label={t.name} required hint={saved.data?.some((f) => f.name === name.trim()) ? t.replaces : t.nameHint} {...fault('name')}>
            <Input value={name} maxLength={100} onChange={(_, d) => setName(d.value)} />
          </Field>
        )}
      </FormDialog>
      <Dialog open={doing === 'remove'} onOpenChange={(_, d) => !d.open && close()}>
        <DialogSurface>
          <DialogBody>
            <DialogTitle>{t.removeTitle}</DialogTitle>
            <DialogContent className={s.panel}>
              {saved.isError ? <ProblemNotice error={saved.error} retry={() => void saved.refetch()} /> : null}
              {saved.data?.length === 0 ? <p>{t.noneSaved}</p> : null}
              <ul aria-label={t.saved}>
                {saved.data?.map((f) => (
                  <li key={f.id} className={s.between}>
                    <Name as="whole">{f.name}</Name>
                    <ActionButton size="small" spoken={f.name} act={() => remove(f)}>
                      {t.removeIt}
                    </ActionButton>
                  </li>
                ))}
              </ul>
              <LiveRegions />
            </DialogContent>
            <DialogActions fluid>
              <Button onClick={close}>{common.close}</Button>
            </DialogActions>
          </DialogBody>
        </DialogSurface>
      </Dialog>
    </>
  );
}
