// Which tenant the page is about, and the way to another: All first, favorites,
// the last five, and everything else by typing.
import { Button, Popover, PopoverSurface, PopoverTrigger, SearchBox } from '@fluentui/react-components';
import { Building20Regular, Checkmark16Regular, ChevronDown16Regular, Star16Filled, Star16Regular } from '@fluentui/react-icons';
import { useLocation, useNavigate, useRouter } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { Membership } from '../api/types';
import { shell as t } from '../texts';
import { bindKey } from './keys';
import { choose, useChoices } from './store';
import { useMemberships, useTenant } from './tenant';
import s from './shell.module.css';

const MOST = 100; // rows; more are found by typing
// Search values that name something of one tenant.
const OF_ONE = ['page', 'item', 'by', 'target', 'run', 'set', 'policy', 'with', 'edit', 'view', 'v'];
const SECTIONS = ['runs', 'policies', 'sets', 'drift', 'schedules', 'types', 'members', 'connection', 'audit'];

/** The same section of another tenant, without what belongs to the former one. */
export function elsewhere(pathname: string, search: Record<string, unknown>, tenant: string): { pathname: string; search: Record<string, unknown> } {
  const [, kind, , section, detail] = pathname.split('/');
  if (kind !== 't' || !section || !SECTIONS.includes(section)) return { pathname: `/t/${tenant}`, search: {} };
  const kept = detail ? {} : Object.fromEntries(Object.entries(search).filter(([key]) => !OF_ONE.includes(key)));
  return { pathname: `/t/${tenant}/${section}`, search: kept };
}

/** Rows by what was typed: name or id. */
export function matching(all: Membership[], typed: string): Membership[] {
  const words = typed.trim().toLowerCase();
  return words ? all.filter((m) => m.name.toLowerCase().includes(words) || m.id.toLowerCase().includes(words)) : all;
}

export function TenantSwitcher() {
  const tenant = useTenant();
  const memberships = useMemberships();
  const { favorites, recents } = useChoices();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const list = useRef<HTMLDivElement>(null);
  const navigate = useNavigate();
  const router = useRouter();
  const here = useLocation();
  useEffect(() => bindKey('g t', () => setOpen(true)), []);

  const all = useMemo(() => memberships.data ?? [], [memberships.data]);
  const twins = useMemo(() => {
    const seen = new Map<string, number>();
    for (const m of all) seen.set(m.name, (seen.get(m.name) ?? 0) + 1);
    return seen;
  }, [all]);
  const go = (id: string) => {
    setOpen(false);
    setTyped('');
    if (!id) {
      void navigate({ to: '/tenants' });
      return;
    }
    const target = elsewhere(here.pathname, here.search, id);
    router.history.push(target.pathname + router.options.stringifySearch!(target.search));
  };
  const star = (id: string) => choose({ favorites: favorites.includes(id) ? favorites.filter((f) => f !== id) : [...favorites, id] });

  // Arrows move between the rows, from the search field on.
  const arrows = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const stops = [...(list.current?.querySelectorAll<HTMLElement>('input, [data-tenant-row]') ?? [])];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    const next = stops[at + (event.key === 'ArrowDown' ? 1 : -1)];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  };

  const row = (m: Membership, group: string) => {
    const favorite = favorites.includes(m.id);
    return (
      <li key={`${group}${m.id}`} className={s.tenantRow}>
        <button type="button" data-tenant-row className={s.tenantButton} aria-current={m.id === tenant?.id || undefined} onClick={() => go(m.id)}>
          <bdi>{m.name}</bdi>
          {(twins.get(m.name) ?? 0) > 1 ? <span className={s.twin}>{m.id.slice(-6)}</span> : null}
          {m.id === tenant?.id ? <Checkmark16Regular aria-hidden="true" /> : null}
        </button>
        <Button
          size="small"
          appearance="transparent"
          icon={favorite ? <Star16Filled /> : <Star16Regular />}
          aria-label={favorite ? t.removeFavorite(m.name) : t.addFavorite(m.name)}
          aria-pressed={favorite}
          onClick={() => star(m.id)}
        />
      </li>
    );
  };
  const group = (title: string, members: Membership[]) =>
    members.length ? (
      <div key={title}>
        <h3 className={s.groupTitle}>{title}</h3>
        <ul aria-label={title}>{members.map((m) => row(m, title))}</ul>
      </div>
    ) : null;
  const byId = (ids: string[]) => ids.flatMap((id) => all.find((m) => m.id === id) ?? []);
  const found = matching(all, typed);
  const label = tenant?.name ?? (all.length ? t.allTenantsCount(all.length) : t.allTenants);
  if (memberships.data && all.length === 0) return null;
  return (
    <Popover open={open} onOpenChange={(_, d) => setOpen(d.open)} trapFocus positioning="below-start">
      <PopoverTrigger disableButtonEnhancement>
        <Button className={s.switcher} icon={<Building20Regular />} aria-label={tenant ? t.tenantSwitcher(tenant.name) : label} data-switcher>
          <span className={s.switcherName}>
            <bdi>{label}</bdi>
            <ChevronDown16Regular aria-hidden="true" />
          </span>
        </Button>
      </PopoverTrigger>
      <PopoverSurface className={s.switcherSurface} aria-label={t.chooseTenant}>
        {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
        <div ref={list} className={s.switcherList} onKeyDown={arrows}>
          <SearchBox aria-label={t.searchTenants} placeholder={t.searchTenants} value={typed} onChange={(_, d) => setTyped(d.value)} />
          <p className="visuallyHidden" role="status">
            {typed ? t.tenantsFound(found.length) : ''}
          </p>
          <button type="button" data-tenant-row className={s.tenantButton} onClick={() => go('')}>
            {t.allTenantsCount(all.length)}
          </button>
          {typed ? (
            found.length ? (
              <ul aria-label={t.tenants}>{found.slice(0, MOST).map((m) => row(m, 'found'))}</ul>
            ) : (
              <p className={s.groupTitle}>{t.tenantsFound(0)}</p>
            )
          ) : (
            <>
              {group(t.favorites, byId(favorites))}
              {group(t.recents, byId(recents))}
              {group(t.tenants, all.slice(0, MOST))}
            </>
          )}
        </div>
      </PopoverSurface>
    </Popover>
  );
}
