// Signs people in: authorization code with PKCE (RFC 7636) against any OpenID
// Connect provider. Tokens live in this module's memory and nowhere else; a
// reload forgets them. sessionStorage holds, for the time of the redirect alone,
// what the answer must be checked against.

const PENDING = 'tenantatlas.signin';
const CALLBACK = '/auth/callback';
const RENEW_BEFORE = 60_000; // ms before the access token ends
const PENDING_FOR = 15 * 60_000; // ms that a redirect may take

let config = null;
let session = null; // { access, refresh, expiresAt, email, name }
let renewal = null;
let timer = 0;
let onEnd = () => {};

export class SignInError extends Error {
  // kind: refused, unfinished, insecure, unreachable
  constructor(kind, code = '') {
    super(kind);
    this.kind = kind;
    this.code = code;
  }
}

// configure takes /config.json and fills endpoints that it lacks from the
// issuer's discovery document. ended is called when the session is over.
export async function configure(settings, ended) {
  config = { ...settings };
  onEnd = ended;
  if (config.authorizeUrl && config.tokenUrl) return;
  const answer = await fetch(`${config.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
  if (!answer.ok) throw new SignInError('unreachable');
  const found = await answer.json();
  if (found.issuer !== config.issuer) throw new SignInError('refused', 'issuer_mismatch');
  config.authorizeUrl ||= found.authorization_endpoint;
  config.tokenUrl ||= found.token_endpoint;
  config.logoutUrl ||= found.end_session_endpoint ?? '';
}

export const signedIn = () => session !== null;
export const who = () => session?.email || session?.name || '';
export const isCallback = () => location.pathname === CALLBACK;

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function redirectUri() {
  return location.origin + CALLBACK;
}

// signIn leaves for the provider's page and comes back to returnTo.
export async function signIn(returnTo) {
  if (!crypto.subtle) throw new SignInError('insecure');
  const pending = { state: random(), nonce: random(), verifier: random(), returnTo, at: Date.now() };
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(pending.verifier));
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const url = new URL(config.authorizeUrl);
  for (const [name, value] of Object.entries({
    response_type: 'code',
    client_id: config.clientId,
    redirect_uri: redirectUri(),
    scope: ['openid', 'email', 'profile', config.scope].filter(Boolean).join(' '),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: 'S256',
  })) {
    url.searchParams.set(name, value);
  }
  location.assign(url);
}

// finish ends a sign-in on the callback page. It returns where the person
// wanted to go.
export async function finish() {
  const params = new URLSearchParams(location.search);
  const raw = sessionStorage.getItem(PENDING);
  // Used once, whatever comes of it. The code leaves the address bar too.
  sessionStorage.removeItem(PENDING);
  history.replaceState(null, '', '/');
  let pending = null;
  try {
    pending = JSON.parse(raw);
  } catch {
    pending = null;
  }
  if (!pending || params.get('state') !== pending.state || Date.now() - pending.at > PENDING_FOR) {
    throw new SignInError('unfinished');
  }
  if (params.get('error')) throw new SignInError('refused', safeCode(params.get('error')));
  if (!params.get('code')) throw new SignInError('unfinished');
  const tokens = await exchange({
    grant_type: 'authorization_code',
    code: params.get('code'),
    redirect_uri: redirectUri(),
    code_verifier: pending.verifier,
  });
  const claims = readClaims(tokens.id_token);
  const audience = [claims.aud].flat();
  // The token came straight from the provider over TLS, so these claims are
  // checked and the signature is not (OpenID Connect Core 3.1.3.7, point 6).
  if (claims.iss !== config.issuer || !audience.includes(config.clientId) || claims.nonce !== pending.nonce) {
    throw new SignInError('refused', 'id_token');
  }
  keep(tokens, claims);
  return localPath(pending.returnTo);
}

// localPath keeps a return address on this origin.
function localPath(path) {
  try {
    const url = new URL(path, location.origin);
    if (url.origin === location.origin && url.pathname !== CALLBACK) return url.pathname + url.search;
  } catch {
    // Not an address: the start page is.
  }
  return '/';
}

function safeCode(code) {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : 'unknown';
}

function readClaims(token) {
  try {
    const part = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SignInError('refused', 'id_token');
  }
}

async function exchange(fields) {
  let answer;
  try {
    answer = await fetch(config.tokenUrl, {
      method: 'POST',
      body: new URLSearchParams({ client_id: config.clientId, ...fields }),
      cache: 'no-store',
      credentials: 'omit',
    });
  } catch {
    throw new SignInError('unreachable');
  }
  if (answer.status >= 500 || answer.status === 429) throw new SignInError('unreachable');
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok || typeof body.access_token !== 'string') {
    throw new SignInError('refused', safeCode(String(body.error ?? answer.status)));
  }
  return body;
}

function keep(tokens, claims) {
  const lifetime = Number(tokens.expires_in) > 0 ? Number(tokens.expires_in) * 1000 : 300_000;
  session = {
    access: tokens.access_token,
    refresh: tokens.refresh_token ?? session?.refresh ?? '',
    expiresAt: Date.now() + lifetime,
    email: claims?.email ?? session?.email ?? '',
    name: claims?.name ?? session?.name ?? '',
  };
  clearTimeout(timer);
  // A timer is late in a hidden tab or after sleep; accessToken looks again.
  timer = setTimeout(() => renew().catch(() => {}), Math.max(1000, lifetime - RENEW_BEFORE));
}

// renew gets a new access token. Only one renewal is ever under way: a provider
// that rotates refresh tokens takes the second use of one for theft.
export function renew() {
  renewal ??= renewOnce().finally(() => {
    renewal = null;
  });
  return renewal;
}

async function renewOnce() {
  const before = session;
  if (!before?.refresh) {
    end();
    throw new SignInError('refused', 'no_refresh_token');
  }
  try {
    const tokens = await exchange({ grant_type: 'refresh_token', refresh_token: before.refresh });
    if (session !== before) return; // signed out meanwhile
    keep(tokens, null);
  } catch (err) {
    if (err.kind === 'refused') end();
    throw err;
  }
}

function end() {
  forget();
  onEnd();
}

function forget() {
  clearTimeout(timer);
  session = null;
}

// accessToken returns a token that is good for the next request.
export async function accessToken() {
  if (!session) throw new SignInError('refused', 'signed_out');
  if (session.expiresAt - Date.now() < RENEW_BEFORE / 2) await renew();
  return session.access;
}

// signOut forgets the tokens and ends the provider's own session.
export function signOut() {
  forget();
  if (!config.logoutUrl) {
    location.assign('/');
    return;
  }
  const url = new URL(config.logoutUrl);
  url.searchParams.set('client_id', config.clientId);
  url.searchParams.set('logout_uri', `${location.origin}/`); // Cognito
  url.searchParams.set('post_logout_redirect_uri', `${location.origin}/`); // OpenID Connect RP-Initiated Logout
  location.assign(url);
}
