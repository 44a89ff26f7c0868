// The settings of this installation, from /config.json: they are read when the
// page starts, so that one build serves every installation.

export interface PolicyType {
  id: string;
  title: string;
  family: string;
}

export interface Config {
  /** The identity provider, as its tokens name it. */
  issuer: string;
  clientId: string;
  /** Endpoints of the provider; an empty one is taken from its discovery document. */
  authorizeUrl: string;
  tokenUrl: string;
  logoutUrl: string;
  /** What an access token needs for the API, besides the scopes of sign-in. */
  scope: string;
  policyTypes: PolicyType[];
}

let loaded: Config | null = null;
let asked: Promise<Config> | null = null;

/** Reads the settings, once. Throws when they cannot be had; then the next call asks again. */
export function loadConfig(): Promise<Config> {
  asked ??= read().catch((err: unknown) => {
    asked = null;
    throw err;
  });
  return asked;
}

async function read(): Promise<Config> {
  const answer = await fetch('/config.json', { cache: 'no-cache' });
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  loaded = (await answer.json()) as Config;
  return loaded;
}

/** The settings, once the page has started. */
export function config(): Config {
  if (!loaded) throw new Error('the settings are not loaded');
  return loaded;
}
