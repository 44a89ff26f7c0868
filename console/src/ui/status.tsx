// Status: an icon in its color and the word, never color alone.
import {
  AddCircle20Regular, ArrowSync20Regular, Checkmark20Regular, CheckmarkCircle20Filled, CheckmarkCircle20Regular, Clock20Regular,
  Delete20Regular, DismissCircle20Filled, Edit20Regular, EqualCircle20Regular, HourglassHalf20Regular, Prohibited20Regular,
  RecordStop20Regular, SubtractCircle20Regular, Warning20Filled, type FluentIcon,
} from '@fluentui/react-icons';
import type { Run, ShownStatus } from '../api/types';
import { common as t } from '../texts';
import s from './ui.module.css';

const looks: Record<string, [FluentIcon, string | undefined]> = {
  queued: [Clock20Regular, s.neutral],
  skipped: [SubtractCircle20Regular, s.neutral],
  canceled: [RecordStop20Regular, s.neutral],
  running: [ArrowSync20Regular, s.brand],
  waiting: [HourglassHalf20Regular, s.brand],
  create: [AddCircle20Regular, s.brand],
  update: [Edit20Regular, s.brand],
  succeeded: [CheckmarkCircle20Filled, s.good],
  note: [CheckmarkCircle20Regular, s.warn],
  partial: [Warning20Filled, s.warn],
  warning: [Warning20Filled, s.warn],
  blocked: [Prohibited20Regular, s.warn],
  failed: [DismissCircle20Filled, s.bad],
  delete: [Delete20Regular, s.bad],
  none: [EqualCircle20Regular, s.neutral],
  fine: [Checkmark20Regular, s.neutral],
};

/** The icon of a status; an unknown one gets the neutral clock. Decorative: say the word beside it. */
export function StatusIcon({ status }: { status: string }) {
  const [Icon, color] = looks[status] ?? [Clock20Regular, s.neutral];
  return (
    <span className={`${s.icon} ${color} ${status === 'running' ? s.turning : ''}`} aria-hidden="true">
      <Icon />
    </span>
  );
}

/** Icon and word. words replaces the usual word, for example "Waiting for Graph". */
export function StatusText({ status, words }: { status: string; words?: string }) {
  return (
    <span className={s.status}>
      <StatusIcon status={status} />
      {words ?? t.statuses[status] ?? status}
    </span>
  );
}

/** The tinted badge beside a page's title. */
export function StatusBadge({ status, words }: { status: string; words?: string }) {
  return (
    <span className={s.badge} data-status={status}>
      <StatusIcon status={status} />
      {words ?? t.statuses[status] ?? status}
    </span>
  );
}

/** What people are shown of a run: waiting is a running run's. */
export const shownStatus = (run: Pick<Run, 'status' | 'waiting'>): ShownStatus => (run.status === 'running' && run.waiting ? 'waiting' : run.status);

export const isTerminal = (run: Pick<Run, 'status'>): boolean => run.status !== 'queued' && run.status !== 'running';
