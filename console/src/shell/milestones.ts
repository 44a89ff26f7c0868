// What of a run's way is worth saying aloud: a quarter, half, three quarters, and
// that it waits or goes on. Never each step.
import type { Run } from '../api/types';

export type News = { kind: 'quarter'; percent: number } | { kind: 'waits' } | { kind: 'resumes' };

const SMALLEST = 8; // items; quarters of fewer say nothing

export class Milestones {
  private known = new Map<string, { quarter: number; waiting: boolean }>();

  /** The news of this look at a run, if any; the first look has none. */
  of(run: Pick<Run, 'id' | 'status' | 'counts' | 'waiting'>): News | null {
    const { total, succeeded, failed, skipped } = run.counts;
    const done = succeeded + failed + skipped;
    const quarter = total >= SMALLEST ? Math.min(3, Math.floor((4 * done) / total)) : 0;
    const waiting = run.status === 'running' && Boolean(run.waiting);
    const before = this.known.get(run.id);
    this.known.set(run.id, { quarter: Math.max(quarter, before?.quarter ?? 0), waiting });
    if (!before) return null;
    if (waiting !== before.waiting && run.status === 'running') return { kind: waiting ? 'waits' : 'resumes' };
    return quarter > before.quarter && run.status === 'running' ? { kind: 'quarter', percent: quarter * 25 } : null;
  }

  forget(id: string): void {
    this.known.delete(id);
  }
}
