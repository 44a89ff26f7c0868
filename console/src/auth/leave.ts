// Leaves for the provider's page before the rest of the console is loaded.
import { loadConfig } from '../config';
import { configure, signIn, signInUnasked } from './auth';

/** Leaves as a click wants it. Throws SignInError, or why the settings cannot be had. */
export async function leave(returnTo: string): Promise<void> {
  await configure(await loadConfig());
  await signIn(returnTo);
}

/** Leaves as a deep link wants it; false when a person decides (see signInUnasked). */
export async function leaveUnasked(returnTo: string): Promise<boolean> {
  await configure(await loadConfig());
  return signInUnasked(returnTo);
}
