// What is said aloud of the run on the page. My own runs are followed by the frame,
// on every page; somebody else's, or a schedule's, is followed here.
import { useEffect, useRef } from 'react';
import type { Run } from '../../api/types';
import { plainTitle } from '../../shell/activity';
import { announce } from '../../shell/announce';
import { Milestones } from '../../shell/milestones';
import { useMe } from '../../shell/tenant';
import { common, shell as t } from '../../texts';
import { isTerminal } from '../../ui/status';

export function useNews(run: Run): void {
  const me = useMe().data?.userId;
  const seen = useRef({ milestones: new Milestones(), ended: isTerminal(run) });
  useEffect(() => {
    if (me === undefined || run.initiator.userId === me) return;
    const title = plainTitle(run);
    const news = seen.current.milestones.of(run);
    if (news?.kind === 'quarter') announce(t.quarter(title, news.percent));
    if (news?.kind === 'waits') announce(t.waits(title));
    if (news?.kind === 'resumes') announce(t.resumes(title));
    if (isTerminal(run) && !seen.current.ended) announce(`${title}: ${common.statuses[run.status] ?? run.status}. ${run.sentence}`);
    seen.current.ended = isTerminal(run);
  }, [me, run]);
}
