// How far a run is, in segments: succeeded, failed, skipped. It stands still while
// the run waits, since it shows counts and nothing else.
import { common as t } from '../texts';
import s from './ui.module.css';

export interface ProgressCounts {
  total: number;
  succeeded: number;
  failed: number;
  skipped: number;
}

export function ProgressBar({ counts, label = t.progress, thin = false }: { counts: ProgressCounts; label?: string; thin?: boolean }) {
  const done = counts.succeeded + counts.failed + counts.skipped;
  const total = Math.max(counts.total, done, 1);
  const part = (n: number, kind: string | undefined) => (n > 0 ? <span className={kind} style={{ flex: `${n} 0 0` }} /> : null);
  return (
    <div
      className={`${s.bar} ${thin ? s.thin : ''}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={done}
      aria-valuetext={t.doneOf(done, counts.total)}
    >
      {part(counts.succeeded, s.segGood)}
      {part(counts.failed, s.segBad)}
      {part(counts.skipped, s.segSkip)}
      {total > done ? <span style={{ flex: `${total - done} 0 0` }} /> : null}
    </div>
  );
}
