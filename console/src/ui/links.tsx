// Links inside the console. Link is the router's, typed by its routes; a run is
// linked from everywhere by RunLink.
import { createLink, Link as RouterLink } from '@tanstack/react-router';
import { forwardRef, type AnchorHTMLAttributes, type ReactNode } from 'react';
import type { Run } from '../api/types';
import { common as t } from '../texts';
// eslint-disable-next-line jsx-a11y/anchor-has-content
const Anchor = forwardRef<HTMLAnchorElement, AnchorHTMLAttributes<HTMLAnchorElement>>((props, ref) => <a ref={ref} {...props} className={`link ${props.className ?? ''}`} />);
Anchor.displayName = 'Anchor';

/** <Link to="/t/$tenant/runs" params={{ tenant }} search={{ status: ['failed'] }}>…</Link> */
export const Link = createLink(Anchor);
/** The same without a look of its own. */
export const BareLink = RouterLink;

/** What a run does, and to what: Capture “CA001”. */
export { plainTitle as runTitle } from '../shell/activity';

export function RunTitle({ run }: { run: Pick<Run, 'operation' | 'target'> }) {
  const words = t.operations[run.operation] ?? run.operation;
  if (run.target.kind === 'tenant' || !run.target.name) return <>{words}</>;
  return (
    <>
      {words} “<bdi>{run.target.name}</bdi>”
    </>
  );
}

/** Leads to a run's page. */
export function RunLink({ run, children, onClick }: { run: { tenantId: string; id: string }; children?: ReactNode; onClick?: () => void }) {
  return (
    <Link to="/t/$tenant/runs/$run" params={{ tenant: run.tenantId, run: run.id }} onClick={onClick}>
      {children ?? t.viewRun}
    </Link>
  );
}

/** A sentence of the API in which the given names stand: they are kept apart from the text around them. */
export function Sentence({ text, names = [] }: { text: string; names?: (string | undefined)[] }) {
  const known = names.filter((n): n is string => Boolean(n)).sort((a, b) => b.length - a.length);
  const parts: ReactNode[] = [];
  let rest = text;
  while (rest) {
    let first: { at: number; name: string } | null = null;
    for (const name of known) {
      const at = rest.indexOf(name);
      if (at >= 0 && (!first || at < first.at)) first = { at, name };
    }
    if (!first) break;
    parts.push(rest.slice(0, first.at), <bdi key={parts.length}>{first.name}</bdi>);
    rest = rest.slice(first.at + first.name.length);
  }
  return (
    <>
      {parts}
      {rest}
    </>
  );
}
