// My runs that are under way, in all tenants: one read feeds the activity bar, the
// toasts, the announcements and the bell.
import type { Run } from '../api/types';
import { keys } from '../api/keys';
import { askNow } from '../poll/usePolled';
import { queryClient } from './queryClient';

const started = new Map<string, Run>();

/** Takes a run that was just started here: lists of its tenant are old now. */
export function follow(run: Run): void {
  started.set(run.id, run);
  askNow(keys.myRuns);
  void queryClient.invalidateQueries({ queryKey: keys.of(run.tenantId, 'runs') });
}
