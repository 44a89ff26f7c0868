// The frame around every page: header, navigation, the page, my active runs.
import { Button, FluentProvider, Tooltip } from '@fluentui/react-components';
import {
  Apps20Regular, Archive20Regular, BranchCompare20Regular, Building20Regular, CalendarClock20Regular, ClipboardTaskListLtr20Regular,
  DocumentText20Regular, History20Regular, Home20Regular, Navigation20Regular, People20Regular, PlugDisconnected20Regular, Alert20Regular,
  QuestionCircle20Regular, type FluentIcon,
} from '@fluentui/react-icons';
import { useQueryClient } from '@tanstack/react-query';
import { Outlet, useLocation, useNavigate, useRouter, type LinkProps } from '@tanstack/react-router';
import { lazy, Suspense, useCallback, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react';
import { forgetAnswers } from '../api/client';
import { currentSession, onSession } from '../auth/auth';
import { scheduler } from '../poll/usePolled';
import { BareLink } from '../ui/links';
import { LiveRegions } from '../ui/LiveRegions';
import { useLook } from '../ui/theme';
import { common, shell as t } from '../texts';
import { AccountMenu } from './AccountMenu';
import { forgetMarks } from '../ui/useMarks';
import { forgetActivity, useFollowing } from './activity';
import { ActivityBar } from './ActivityBar';
import { announce } from './announce';
import { Bell } from './Bell';
import { bindKey } from './keys';
import { PauseButton } from './PauseButton';
import { StandingNotice } from './StandingNotice';
import { choose, useChoices } from './store';
import { useTenantId } from './tenant';
import { TenantSwitcher } from './TenantSwitcher';
import { Toasts } from './Toasts';
import { forgetToasts } from './toasts';
import s from './shell.module.css';

const ShortcutSheet = lazy(() => import('./ShortcutSheet').then((m) => ({ default: m.ShortcutSheet })));
const SessionDialog = lazy(() => import('./SessionDialog').then((m) => ({ default: m.SessionDialog })));

/** The theme, for pages inside and outside of the frame. */
export function Themed({ children }: { children: ReactNode }) {
  const { theme, scheme } = useLook();
  useEffect(() => {
    document.documentElement.style.colorScheme = scheme;
  }, [scheme]);
  return (
    // The class stands on an element of its own: what opens over the page gets the
    // provider's classes too, and would cover it.
    <FluentProvider theme={theme} className="provider">
      <div className="root">{children}</div>
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
        if (!item) return <li key={i} className={s.divider} aria-hidden="true" />;
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

// Pages by g and a letter; elsewhere than in a tenant there are none.
const goTo: Record<string, LinkProps['to']> = {
  o: '/t/$tenant', r: '/t/$tenant/runs', p: '/t/$tenant/policies', b: '/t/$tenant/sets', d: '/t/$tenant/drift', s: '/t/$tenant/schedules',
};

function useShortcuts(help: () => void): void {
  const tenant = useTenantId();
  const navigate = useNavigate();
  const router = useRouter();
  const client = useQueryClient();
  useEffect(() => {
    const ends = [
      bindKey('?', help),
      bindKey('r', () => void client.refetchQueries({ type: 'active' })),
      bindKey('Escape', () => {
        const parts = router.state.location.pathname.split('/');
        if (parts[1] === 't' && parts.length > 4) {
          if (router.history.canGoBack()) router.history.back();
          else router.history.push(parts.slice(0, -1).join('/'));
        }
      }),
      bindKey('g r', () => void navigate(tenant ? { to: '/t/$tenant/runs', params: { tenant } } : { to: '/runs' })),
      ...Object.entries(goTo)
        .filter(([letter]) => tenant && letter !== 'r')
        .map(([letter, to]) => bindKey(`g ${letter}`, () => void navigate({ to, params: { tenant } } as never))),
    ];
    return () => ends.forEach((end) => end());
  }, [tenant, navigate, router, client, help]);
}

// A session that comes back goes on where it was; another person begins anew.
function useSessionChange(): 'out' | 'in' | 'ended' {
  const session = useSyncExternalStore(onSession, currentSession);
  const router = useRouter();
  const client = useQueryClient();
  const before = useRef(session);
  useEffect(() => {
    const last = before.current;
    before.current = session;
    if (session.state === 'ended') announce(t.sessionTitle, true);
    if (session.state !== 'in') return;
    if (last.subject !== session.subject) {
      forgetAnswers();
      forgetActivity();
      forgetMarks();
      forgetToasts();
      client.clear();
      router.history.push('/');
    }
    if (last.state === 'ended') {
      void client.invalidateQueries();
      scheduler.now();
    }
  }, [session, client, router]);
  return session.state;
}

export function Shell() {
  const wide = useWidth('(min-width: 1200px)');
  const narrow = useWidth('(max-width: 639px)');
  const { navOpen } = useChoices();
  const [overlay, setOverlay] = useState(false);
  const [sheet, setSheet] = useState(false);
  const help = useCallback(() => setSheet(true), []);
  const path = useLocation({ select: (l) => l.pathname });
  const session = useSessionChange();
  useFollowing();
  useShortcuts(help);
  useEffect(() => setOverlay(false), [path]);
  useEffect(() => (overlay ? bindKey('Escape', () => setOverlay(false)) : undefined), [overlay]);
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
        <TenantSwitcher />
        <span className={s.space} />
        {narrow ? null : <PauseButton />}
        <Bell narrow={narrow} />
        {narrow ? null : <Button appearance="subtle" icon={<QuestionCircle20Regular />} aria-label={t.help} title={t.help} onClick={help} />}
        <AccountMenu narrow={narrow} help={help} />
      </header>
      <nav className={s.nav} aria-label={t.nav} data-open={overlay && !wide}>
        <NavLinks icons={wide ? !navOpen : !narrow && !overlay} />
      </nav>
      <main id="main" className={s.main} tabIndex={-1}>
        <div className={s.strips}>
          <StandingNotice />
        </div>
        <Outlet />
      </main>
      <ActivityBar />
      <Toasts />
      <LiveRegions />
      <Suspense>
        {sheet ? <ShortcutSheet onClose={() => setSheet(false)} /> : null}
        {session === 'ended' ? <SessionDialog /> : null}
      </Suspense>
    </div>
  );
}
