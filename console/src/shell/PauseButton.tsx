// Updating, or paused: one switch for everything that is fetched by itself.
import { Button } from '@fluentui/react-components';
import { Pause20Regular, Play20Regular } from '@fluentui/react-icons';
import { clockTime } from '../format/format';
import { shell as t } from '../texts';
import { announce } from './announce';
import { choose, useChoices } from './store';

export function togglePause(pausedAt: string): void {
  const now = pausedAt ? '' : new Date().toISOString();
  choose({ pausedAt: now });
  announce(now ? t.pausedSince(clockTime(now)) : t.resumed);
}

export function PauseButton() {
  const { pausedAt } = useChoices();
  return (
    <Button
      appearance="subtle"
      icon={pausedAt ? <Play20Regular /> : <Pause20Regular />}
      aria-pressed={pausedAt !== ''}
      title={pausedAt ? t.resumeHint : t.pauseHint}
      onClick={() => togglePause(pausedAt)}
    >
      {pausedAt ? t.pausedSince(clockTime(pausedAt)) : t.updating}
    </Button>
  );
}
