// Where a policy stands, in an icon and a word.
import type { Policy } from '../../api/types';
import { policies as t } from '../../texts';
import { StatusText } from '../../ui/status';

/** Where a policy stands: not there any more, never captured, changed since, or fine. */
export function policyState(p: Policy, drifted = false): 'vanished' | 'never' | 'drifted' | 'changed' | 'fine' {
  if (p.state === 'vanished') return 'vanished';
  if (p.latestVersion === 0) return 'never';
  if (drifted) return 'drifted';
  return p.lastCapturedAt && p.changedAt > p.lastCapturedAt ? 'changed' : 'fine';
}

const icons = { vanished: 'skipped', never: 'warning', drifted: 'update', changed: 'update', fine: 'fine' } as const;

export const PolicyState = ({ policy, drifted }: { policy: Policy; drifted?: boolean }) => {
  const state = policyState(policy, drifted);
  return <StatusText status={icons[state]} words={t.state[state]} />;
};
