// The API does not answer: since when, and when it is tried again. What was read
// stays on the page.
import { Button } from '@fluentui/react-components';
import { useEffect, useState } from 'react';
import { clockTime } from '../format/format';
import { scheduler, useStanding } from '../poll/usePolled';
import { common as t } from '../texts';
import { Notice } from '../ui/Notice';
import { announce } from './announce';

export function StandingNotice() {
  const { failing, lastGood, retryAt } = useStanding();
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!failing) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [failing, retryAt]);
  const since = lastGood ? t.notUpdatedSince(clockTime(lastGood)) : t.unreachable;
  useEffect(() => {
    if (failing) announce(since);
    // The sentence is said once, when it begins.
     
  }, [failing]);
  if (!failing) return null;
  return (
    <Notice kind="warning" commands={<Button onClick={() => scheduler.now()}>{t.tryNow}</Button>}>
      <p data-standing>
        {since} {t.tryingAgainIn(Math.max(0, Math.ceil((retryAt - now) / 1000)))}
      </p>
    </Notice>
  );
}
