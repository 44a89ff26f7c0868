// Why signing in did not succeed, in words.
import { SignInError } from '../auth/auth';
import { signin as t } from '../texts';

export function signInWords(err: unknown): string {
  if (!(err instanceof SignInError)) return t.unreachable;
  if (err.kind === 'refused') return t.refused(err.code);
  return { unfinished: t.unfinished, insecure: t.insecure, unreachable: t.unreachable, ended: t.toContinue }[err.kind];
}
