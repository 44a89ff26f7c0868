// Signs people in: authorization code with PKCE against any OpenID Connect
// provider. Tokens live in this module's memory and nowhere else; a reload
// forgets them. sessionStorage holds, for the time of a redirect alone, what the
// provider's answer is checked against, and how often in a row the page left.
import {
  ErrorResponse,
  InMemoryWebStorage,
  OidcClient,
  User,
  WebStorageStateStore,
  type OidcClientSettings,
  type SigninResponse,
  type UseRefreshTokenArgs,
} from 'oidc-client-ts';
import type { Config } from '../config';

export const CALLBACK = '/callback';
export const SIGNED_OUT = '/signed-out';
const PREFIX = 'tenantatlas.';
const REDIRECTS = `${PREFIX}redirects`;
const MOST_REDIRECTS = 2;
const RENEW_BEFORE = 60; // seconds before the access token ends
const PENDING_FOR = 15 * 60; // seconds that a sign-in may take
const CHANNEL = `${PREFIX}signin`;

export type SignInKind = 'refused' | 'unfinished' | 'insecure' | 'unreachable' | 'ended';

/** Why somebody is not signed in. The code is the provider's, or ours. */
export class SignInError extends Error {
  constructor(
    readonly kind: SignInKind,
    readonly code = '',
  ) {
    super(kind);
  }
}

export interface Session {
  state: 'out' | 'in' | 'ended';
  /** What people know themselves by: address or name. */
  who: string;
  /** The provider's id of the person. */
  subject: string;
}

let settings: OidcClientSettings | null = null;
let client: OidcClient | null = null;
let user: User | null = null;
let session: Session = { state: 'out', who: '', subject: '' };
let renewal: Promise<void> | null = null;
let timer = 0;
const listeners = new Set<() => void>();

export const currentSession = (): Session => session;

export function onSession(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

function become(state: Session['state'], next: User | null): void {
  user = next;
  session = { state, who: next?.profile.email ?? next?.profile.name ?? session.who, subject: next?.profile.sub ?? session.subject };
  clearTimeout(timer);
  if (next) {
    const wait = Math.max(1, (next.expires_in ?? 300) - RENEW_BEFORE);
    timer = window.setTimeout(() => void renew().catch(() => undefined), wait * 1000);
  }
  for (const tell of listeners) tell();
}

/** Prepares sign-in at the configured provider. Throws SignInError. */
export async function configure(config: Config): Promise<void> {
  const explicit = {
    issuer: config.issuer,
    ...(config.authorizeUrl && { authorization_endpoint: config.authorizeUrl }),
    ...(config.tokenUrl && { token_endpoint: config.tokenUrl }),
    ...(config.logoutUrl && { end_session_endpoint: config.logoutUrl }),
  };
  const known = Boolean(config.authorizeUrl && config.tokenUrl);
  settings = {
    authority: config.issuer,
    client_id: config.clientId,
    redirect_uri: location.origin + CALLBACK,
    post_logout_redirect_uri: location.origin + SIGNED_OUT,
    response_type: 'code',
    scope: ['openid', 'email', 'profile', config.scope].filter(Boolean).join(' '),
    ...(known ? { metadata: explicit } : { metadataSeed: explicit }),
    stateStore: new WebStorageStateStore({ store: sessionStorage, prefix: PREFIX }),
    staleStateAgeInSeconds: PENDING_FOR,
    filterProtocolClaims: false, // issuer and audience are checked below
    fetchRequestCredentials: 'omit',
    requestTimeoutInSeconds: 15,
  };
  client = new OidcClient(settings);
  if (known) return;
  try {
    if ((await client.metadataService.getIssuer()) !== config.issuer) throw new SignInError('refused', 'issuer_mismatch');
  } catch (err) {
    throw asSignInError(err);
  }
}

function the(): OidcClient {
  if (!client) throw new Error('sign-in is not configured');
  return client;
}

/** Keeps a return address on this origin, and off the pages of sign-in. */
export function localPath(path: string | null | undefined): string {
  try {
    const url = new URL(path || '/', location.origin);
    const bare = [CALLBACK, SIGNED_OUT, '/signin'].includes(url.pathname);
    if (url.origin === location.origin && !bare) return url.pathname + url.search;
  } catch {
    // Not an address: the start page is one.
  }
  return '/';
}

/** Leaves for the provider's page; the way back leads to returnTo. */
export async function signIn(returnTo: string): Promise<void> {
  if (!crypto.subtle) throw new SignInError('insecure');
  try {
    await the().clearStaleState();
    const request = await the().createSigninRequest({ state: { returnTo: localPath(returnTo) }, nonce: crypto.randomUUID() });
    location.assign(request.url);
  } catch (err) {
    throw asSignInError(err);
  }
}

/**
 * signInUnasked leaves for the provider's page without a click, as a deep link
 * wants. After two in a row without success it returns false: a person decides.
 */
export async function signInUnasked(returnTo: string): Promise<boolean> {
  const before = Number(sessionStorage.getItem(REDIRECTS)) || 0;
  if (before >= MOST_REDIRECTS) return false;
  sessionStorage.setItem(REDIRECTS, String(before + 1));
  await signIn(returnTo);
  return true;
}

/** The API took the token: redirects are counted anew. */
export function signInWorked(): void {
  sessionStorage.removeItem(REDIRECTS);
}

/**
 * finish ends a sign-in on the callback page. It returns where the person wanted
 * to go, or null when another window asked for this answer and has taken it.
 */
export async function finish(address: string): Promise<string | null> {
  try {
    const returnTo = await take(the(), address);
    return localPath(returnTo);
  } catch (err) {
    const known = asSignInError(err);
    if (known.kind === 'unfinished' && (await handOver(address))) return null;
    throw known;
  } finally {
    // What was left of the redirect is used once, whatever comes of it.
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith(PREFIX) && key !== REDIRECTS) sessionStorage.removeItem(key);
    }
  }
}

async function take(from: OidcClient, address: string): Promise<string | undefined> {
  const { state } = await from.readSigninResponseState(address);
  if (Date.now() / 1000 - state.created > PENDING_FOR) throw new SignInError('unfinished');
  const answer = await from.processSigninResponse(address);
  check(answer);
  become('in', new User(answer));
  return (answer.userState as { returnTo?: string } | undefined)?.returnTo;
}

// The ID token came straight from the provider over TLS, so its claims are
// checked and its signature is not (OpenID Connect Core 3.1.3.7, point 6). The
// library has compared nonce and state.
function check(answer: SigninResponse): void {
  const { authority, client_id } = the().settings;
  if (!answer.id_token || answer.profile.iss !== authority || ![answer.profile.aud].flat().includes(client_id)) {
    throw new SignInError('refused', 'id_token');
  }
}

type Message = { kind: 'answer'; address: string } | { kind: 'taken'; address: string };

// handOver offers the provider's answer to the window that asked for it.
function handOver(address: string): Promise<boolean> {
  const channel = new BroadcastChannel(CHANNEL);
  return new Promise<boolean>((resolve) => {
    const over = (taken: boolean) => {
      channel.close();
      resolve(taken);
    };
    channel.onmessage = ({ data }: MessageEvent<Message>) => data.kind === 'taken' && data.address === address && over(true);
    setTimeout(over, 1500, false);
    channel.postMessage({ kind: 'answer', address } satisfies Message);
  });
}

/**
 * signInBeside signs in again in a second window, so that what is filled in on
 * this page stays. The other window hands the provider's answer over; what makes
 * it worth something never leaves this one. It resolves when the window is open;
 * the session changes when the sign-in is done.
 */
export async function signInBeside(signal: AbortSignal): Promise<void> {
  if (!crypto.subtle) throw new SignInError('insecure');
  const beside = new OidcClient({ ...(settings as OidcClientSettings), stateStore: new WebStorageStateStore({ store: new InMemoryWebStorage() }) });
  const channel = new BroadcastChannel(CHANNEL);
  signal.addEventListener('abort', () => channel.close());
  channel.onmessage = async ({ data }: MessageEvent<Message>) => {
    if (data.kind !== 'answer') return;
    try {
      await beside.readSigninResponseState(data.address);
    } catch {
      return; // somebody else's
    }
    channel.postMessage({ kind: 'taken', address: data.address } satisfies Message);
    await take(beside, data.address).catch(() => become('ended', null));
  };
  try {
    const request = await beside.createSigninRequest({ state: {}, nonce: crypto.randomUUID() });
    if (!window.open(request.url, '_blank', 'popup,width=520,height=680')) await signIn(location.pathname + location.search);
  } catch (err) {
    channel.close();
    throw asSignInError(err);
  }
}

function asSignInError(err: unknown): SignInError {
  if (err instanceof SignInError) return err;
  if (err instanceof ErrorResponse) {
    const busy = ['server_error', 'temporarily_unavailable', 'slow_down'].includes(err.error ?? '');
    return busy ? new SignInError('unreachable') : new SignInError('refused', safeCode(err.error ?? ''));
  }
  // The library tells its own checks from a failed request by words alone.
  const text = err instanceof Error ? err.message : '';
  if (/^(No state|No matching state|State does not match|Expected code|authority mismatch|client_id mismatch)/.test(text)) return new SignInError('unfinished');
  if (/id_token|ID Token|InvalidTokenError|Invalid token/i.test(text)) return new SignInError('refused', 'id_token');
  const status = /\((4\d\d)\)/.exec(text)?.[1];
  if (status && status !== '429') return new SignInError('refused', status);
  return new SignInError('unreachable');
}

const safeCode = (code: string): string => (/^[A-Za-z0-9_.-]{1,64}$/.test(code) ? code : 'unknown');

/**
 * renew gets a new access token. Only one renewal is ever under way: a provider
 * that rotates refresh tokens takes the second use of one for theft.
 */
export function renew(): Promise<void> {
  renewal ??= renewOnce().finally(() => {
    renewal = null;
  });
  return renewal;
}

async function renewOnce(): Promise<void> {
  const before = user;
  try {
    if (!before?.refresh_token) throw new SignInError('ended');
    // Without the former ID token: the library would refuse providers that put the
    // time of the renewal into auth_time. The person must be the same.
    const { refresh_token, session_state, scope, profile } = before;
    const state = { refresh_token, session_state, scope, profile } as UseRefreshTokenArgs['state'];
    const answer = await the().useRefreshToken({ state, timeoutInSeconds: 15 });
    if (answer.profile.sub !== profile.sub) throw new SignInError('refused', 'id_token');
    if (user !== before) return; // signed out meanwhile
    become('in', new User({ ...answer, profile: { ...profile, ...answer.profile }, expires_at: answer.expires_at, refresh_token: answer.refresh_token ?? refresh_token }));
  } catch (err) {
    const known = asSignInError(err);
    if (known.kind !== 'unreachable' && user === before && session.state === 'in') become('ended', null);
    throw known;
  }
}

/** A token that is good for the next request. Throws SignInError. */
export async function accessToken(): Promise<string> {
  if (!user) throw new SignInError('ended');
  // Timers are late in a hidden tab and after sleep.
  if ((user.expires_in ?? RENEW_BEFORE) < RENEW_BEFORE / 2) await renew();
  if (!user) throw new SignInError('ended');
  return user.access_token;
}

/** Forgets the tokens and ends the provider's own session. */
export async function signOut(): Promise<void> {
  signInWorked();
  user = null;
  clearTimeout(timer);
  const logout = await the()
    .metadataService.getEndSessionEndpoint()
    .catch(() => undefined);
  if (!logout) {
    location.assign(SIGNED_OUT);
    return;
  }
  // No token as a hint: it would stand in an address. logout_uri is Cognito's
  // word for post_logout_redirect_uri.
  const { client_id } = the().settings;
  const request = await the().createSignoutRequest({ client_id, extraQueryParams: { logout_uri: location.origin + SIGNED_OUT } });
  const url = new URL(request.url);
  url.searchParams.set('client_id', client_id);
  location.assign(url);
}
