// Sentences of signing in and out.
export const signin = {
  title: 'TenantAtlas',
  signIn: 'Sign in',
  toContinue: 'Sign in to continue.',
  refused: (code: string) => `Sign-in did not succeed (${code}). Try again.`,
  unfinished: 'This sign-in was started in another tab or too long ago. Start again.',
  insecure: 'Signing in needs an https address.',
  unreachable: 'The sign-in service cannot be reached. Try again.',
  configFailed: 'The settings of this console could not be loaded.',
  working: 'Signing in…',
  handedOver: 'You are signed in. You can close this window.',
  signedOut: 'You are signed out.',
  signedOutTitle: 'Signed out',
  noTenant: (who: string) => `You are signed in as ${who}. No tenant gave you access yet.`,
  noTenantNext: 'Ask an owner of a tenant to add you, and give them your user id.',
};
