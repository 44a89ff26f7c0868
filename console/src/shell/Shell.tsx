// The frame around every page: header, navigation, the page, my active runs.
import { Button, FluentProvider, Tooltip } from '@fluentui/react-components';
import {
  Apps20Regular, Archive20Regular, BranchCompare20Regular, Building20Regular, CalendarClock20Regular, ClipboardTaskListLtr20Regular,
  DocumentText20Regular, History20Regular, Home20Regular, Navigation20Regular, People20Regular, PlugDisconnected20Regular, Alert20Regular,
  type FluentIcon,
} from '@fluentui/react-icons';
import { Outlet, useLocation, type LinkProps } from '@tanstack/react-router';
import { useEffect, useState, type ReactNode } from 'react';
import { BareLink } from '../ui/links';
import { LiveRegions } from '../ui/LiveRegions';
import { useLook } from '../ui/theme';
import { common, shell as t } from '../texts';
import { choose, useChoices } from './store';
import { useTenantId } from './tenant';
import s from './shell.module.css';

/** The theme, for pages inside and outside of the frame. */
export function Themed({ children }: { children: ReactNode }) {
  const { theme, scheme } = useLook();
  useEffect(() => {
    document.documentElement.style.colorScheme = scheme;
  }, [scheme]);
  return (
    <FluentProvider theme={theme} className="root">
      {children}
    </FluentProvider>
  );
}

interface Item {
  to: LinkProps['to'];
  label: string;
  Icon: FluentIcon;
  exact?: boolean;
}

const ofTenant: (Item | null)[] = [
  { to: '/t/$tenant', label: t.navItems.overview, Icon: Home20Regular, exact: true },
  { to: '/t/$tenant/runs', label: t.navItems.runs, Icon: History20Regular },
  { to: '/t/$tenant/policies', label: t.navItems.policies, Icon: DocumentText20Regular },
  { to: '/t/$tenant/sets', label: t.navItems.sets, Icon: Archive20Regular },
  { to: '/t/$tenant/drift', label: t.navItems.drift, Icon: BranchCompare20Regular },
  { to: '/t/$tenant/schedules', label: t.navItems.schedules, Icon: CalendarClock20Regular },
  null,
  { to: '/t/$tenant/types', label: t.navItems.types, Icon: Apps20Regular },
  { to: '/t/$tenant/members', label: t.navItems.members, Icon: People20Regular },
  { to: '/t/$tenant/connection', label: t.navItems.connection, Icon: PlugDisconnected20Regular },
  { to: '/t/$tenant/audit', label: t.navItems.audit, Icon: ClipboardTaskListLtr20Regular },
];

const ofAll: Item[] = [
  { to: '/tenants', label: t.navItems.tenants, Icon: Building20Regular },
  { to: '/runs', label: t.navItems.myRuns, Icon: History20Regular },
  { to: '/notifications', label: t.navItems.notifications, Icon: Alert20Regular },
];

function NavLinks({ icons }: { icons: boolean }) {
  const tenant = useTenantId();
  return (
    <ul>
      {(tenant ? ofTenant : ofAll).map((item, i) => {
        if (!item) return <li key={i} className={s.divider} role="separator" />;
        const link = (
          <BareLink
            to={item.to}
            params={{ tenant } as never}
            activeOptions={{ exact: item.exact ?? false, includeSearch: false }}
            className={s.navLink}
            activeProps={{ className: s.current, 'aria-current': 'page' }}
          >
            <item.Icon aria-hidden="true" />
            <span className={icons ? 'visuallyHidden' : undefined}>{item.label}</span>
          </BareLink>
        );
        return (
          <li key={item.to}>
            {icons ? (
              <Tooltip content={item.label} relationship="inaccessible" positioning="after">
                {link}
              </Tooltip>
            ) : (
              link
            )}
          </li>
        );
      })}
    </ul>
  );
}

function useWidth(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => setMatches(list.matches);
    list.addEventListener('change', change);
    return () => list.removeEventListener('change', change);
  }, [query]);
  return matches;
}

export function Shell() {
  const wide = useWidth('(min-width: 1200px)');
  const narrow = useWidth('(max-width: 639px)');
  const { navOpen } = useChoices();
  const [overlay, setOverlay] = useState(false);
  const path = useLocation({ select: (l) => l.pathname });
  useEffect(() => setOverlay(false), [path]);
  const open = wide ? navOpen : overlay;
  return (
    <div className={s.grid} data-nav={wide ? (navOpen ? 'full' : 'icons') : narrow ? 'drawer' : 'icons'}>
      <a
        className={s.skip}
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        {t.skip}
      </a>
      <header className={s.header}>
        <Button
          appearance="subtle"
          icon={<Navigation20Regular />}
          aria-label={t.menu}
          aria-expanded={open}
          onClick={() => (wide ? choose({ navOpen: !navOpen }) : setOverlay(!overlay))}
        />
        <BareLink to="/" className={s.product}>
          {common.product}
        </BareLink>
        <span className={s.space} />
      </header>
      <nav className={s.nav} aria-label={t.nav} data-open={overlay && !wide}>
        <NavLinks icons={wide ? !navOpen : !narrow && !overlay} />
      </nav>
      <main id="main" className={s.main} tabIndex={-1}>
        <Outlet />
      </main>
      <LiveRegions />
    </div>
  );
}
