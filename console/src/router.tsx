// Every address of the console and the page behind it. Pages load when they are
// first opened. What of the address's search a page knows stands here; the rest is
// left aside. Pages reach their own values with getRouteApi:
//
//   const route = getRouteApi('/shell/t/$tenant/runs');
//   const { tenant } = route.useParams();
//   const search = route.useSearch();
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { currentSession, signInUnasked } from './auth/auth';
import { NotFoundPage } from './pages/not-found/NotFoundPage';
import { Skeleton } from './ui/Page';
import { flag, many, one, oneOf, parseSearch, search, someOf, stringifySearch, whole } from './search';
import { Shell, Themed } from './shell/Shell';
import { TenantFrame } from './shell/TenantFrame';
import { PageFault } from './shell/PageFault';

export const RUN_STATUSES = ['queued', 'running', 'succeeded', 'partial', 'failed', 'canceled'] as const;
export const PLAN_ACTIONS = ['create', 'update', 'delete', 'blocked', 'none', 'failed'] as const;

const root = createRootRoute({
  component: () => (
    <Themed>
      <Outlet />
    </Themed>
  ),
  notFoundComponent: NotFoundPage,
});

// Outside of the frame: signing in and out.
const signin = createRoute({
  getParentRoute: () => root,
  path: '/signin',
  validateSearch: search({ returnTo: one() }),
  component: lazyRouteComponent(() => import('./pages/signin/SigninPage'), 'SigninPage'),
});
const callback = createRoute({
  getParentRoute: () => root,
  path: '/callback',
  component: lazyRouteComponent(() => import('./pages/callback/CallbackPage'), 'CallbackPage'),
});
const signedOut = createRoute({
  getParentRoute: () => root,
  path: '/signed-out',
  component: lazyRouteComponent(() => import('./pages/signed-out/SignedOutPage'), 'SignedOutPage'),
});

// Everything else needs a session. A deep link leaves for sign-in by itself.
const shell = createRoute({
  getParentRoute: () => root,
  id: 'shell',
  component: Shell,
  notFoundComponent: NotFoundPage,
  beforeLoad: async ({ location }) => {
    if (currentSession().state !== 'out') return;
    const returnTo = location.href === '/' ? undefined : location.href;
    if (returnTo) {
      const left = await signInUnasked(returnTo).catch(() => false);
      if (left) await new Promise(() => undefined); // the browser is on its way
    }
    throw redirect({ to: '/signin', search: { returnTo }, replace: true });
  },
});

const home = createRoute({
  getParentRoute: () => shell,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/home/HomePage'), 'HomePage'),
});
const tenants = createRoute({
  getParentRoute: () => shell,
  path: '/tenants',
  validateSearch: search({
    q: one(), show: oneOf('needs', 'running', 'stale', 'connection', 'drift', 'favorites', 'all'), sort: oneOf('need', 'name', 'backup'), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/tenants/TenantsPage'), 'TenantsPage'),
});
const myRuns = createRoute({
  getParentRoute: () => shell,
  path: '/runs',
  validateSearch: search({ status: someOf(...RUN_STATUSES), op: many(), tenant: one(), from: one(), to: one(), view: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/runs/MyRunsPage'), 'MyRunsPage'),
});
const notifications = createRoute({
  getParentRoute: () => shell,
  path: '/notifications',
  validateSearch: search({ show: oneOf('unread', 'all'), tenant: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/notifications/NotificationsPage'), 'NotificationsPage'),
});

const tenant = createRoute({ getParentRoute: () => shell, path: '/t/$tenant', component: TenantFrame });
const overview = createRoute({
  getParentRoute: () => tenant,
  path: '/',
  component: lazyRouteComponent(() => import('./pages/overview/OverviewPage'), 'OverviewPage'),
});
const runs = createRoute({
  getParentRoute: () => tenant,
  path: '/runs',
  validateSearch: search({
    status: someOf(...RUN_STATUSES), op: many(), by: one(), target: one(), from: one(), to: one(),
    superseded: oneOf('hide', 'show'), view: one(), sort: oneOf('newest', 'oldest'), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/runs/RunsPage'), 'RunsPage'),
});
const run = createRoute({
  getParentRoute: () => tenant,
  path: '/runs/$run',
  validateSearch: search({ tab: oneOf('attention', 'all', 'timeline'), outcome: many(), reason: many(), q: one(), item: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/run/RunPage'), 'RunPage'),
});
const plan = createRoute({
  getParentRoute: () => tenant,
  path: '/runs/$run/plan',
  validateSearch: search({
    tab: oneOf('changes', 'steps', 'raw'), action: someOf(...PLAN_ACTIONS), warning: many(), type: many(), q: one(),
    full: flag(), item: one(), confirm: flag(), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/plan/PlanPage'), 'PlanPage'),
});
const policies = createRoute({
  getParentRoute: () => tenant,
  path: '/policies',
  validateSearch: search({
    q: one(), type: many(), platform: many(), state: oneOf('present', 'vanished', 'drifted', 'never'), captured: oneOf('recent', 'older', 'never'), sort: oneOf('name', '-name'), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/policies/PoliciesPage'), 'PoliciesPage'),
});
const policy = createRoute({
  getParentRoute: () => tenant,
  path: '/policies/$policy',
  validateSearch: search({ tab: oneOf('settings', 'assignments', 'versions', 'raw'), v: whole(), q: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/policy/PolicyPage'), 'PolicyPage'),
});
const policyDiff = createRoute({
  getParentRoute: () => tenant,
  path: '/policies/$policy/diff',
  validateSearch: search({
    from: whole(), to: (v: string[]) => (v[0] === 'latest' ? ('latest' as const) : whole()(v)), tab: oneOf('settings', 'raw'), full: flag(), q: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/policy-diff/PolicyDiffPage'), 'PolicyDiffPage'),
});
const sets = createRoute({
  getParentRoute: () => tenant,
  path: '/sets',
  validateSearch: search({ q: one(), state: oneOf('deleted'), page: one() }),
  component: lazyRouteComponent(() => import('./pages/sets/SetsPage'), 'SetsPage'),
});
const setNew = createRoute({
  getParentRoute: () => tenant,
  path: '/sets/new',
  validateSearch: search({ step: oneOf('pick', 'options'), from: one(), q: one(), type: many(), platform: many() }),
  component: lazyRouteComponent(() => import('./pages/set-new/SetNewPage'), 'SetNewPage'),
});
const set = createRoute({
  getParentRoute: () => tenant,
  path: '/sets/$set',
  validateSearch: search({
    tab: oneOf('items', 'coverage', 'runs', 'compare'), outcome: someOf('pending', 'captured', 'incomplete', 'missing'), reason: one(), type: many(), q: one(),
    with: one(), kind: oneOf('added', 'removed', 'changed', 'unchanged', 'unknown', 'all'), item: one(), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/set/SetPage'), 'SetPage'),
});
const restore = createRoute({
  getParentRoute: () => tenant,
  path: '/restore',
  validateSearch: search({ set: one(), policy: one(), v: whole(), step: oneOf('pick', 'options'), q: one(), type: many(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/restore/RestorePage'), 'RestorePage'),
});
const schedules = createRoute({
  getParentRoute: () => tenant,
  path: '/schedules',
  validateSearch: search({ edit: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/schedules/SchedulesPage'), 'SchedulesPage'),
});
const members = createRoute({
  getParentRoute: () => tenant,
  path: '/members',
  validateSearch: search({ q: one(), edit: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/members/MembersPage'), 'MembersPage'),
});
const drift = createRoute({
  getParentRoute: () => tenant,
  path: '/drift',
  validateSearch: search({
    kind: someOf('changed', 'new', 'vanished', 'returned'), type: many(), q: one(), since: one(), seen: oneOf('open', 'all'), item: one(), page: one(),
  }),
  component: lazyRouteComponent(() => import('./pages/drift/DriftPage'), 'DriftPage'),
});
const connection = createRoute({
  getParentRoute: () => tenant,
  path: '/connection',
  validateSearch: search({ test: one() }),
  component: lazyRouteComponent(() => import('./pages/connection/ConnectionPage'), 'ConnectionPage'),
});
const audit = createRoute({
  getParentRoute: () => tenant,
  path: '/audit',
  validateSearch: search({ event: many(), by: one(), target: one(), run: one(), from: one(), to: one(), page: one() }),
  component: lazyRouteComponent(() => import('./pages/audit/AuditPage'), 'AuditPage'),
});
const types = createRoute({
  getParentRoute: () => tenant,
  path: '/types',
  validateSearch: search({ q: one(), area: many(), restore: someOf('full', 'preview_only', 'capture_only'), used: flag(), item: one() }),
  component: lazyRouteComponent(() => import('./pages/types/TypesPage'), 'TypesPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signin,
    callback,
    signedOut,
    shell.addChildren([
      home,
      tenants,
      myRuns,
      notifications,
      tenant.addChildren([
        overview, runs, run, plan, policies, policy, policyDiff, sets, setNew, set, restore, schedules, members, drift, connection, audit, types,
      ]),
    ]),
  ]),
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  defaultPendingMs: 200,
  defaultPendingMinMs: 0,
  defaultPendingComponent: () => <Skeleton />,
  defaultErrorComponent: PageFault,
  defaultNotFoundComponent: NotFoundPage,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
