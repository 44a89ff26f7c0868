// The frame of a page: heading, one sentence, commands, then whatever it shows; and
// the states that every page has.
import { Button } from '@fluentui/react-components';
import { useLocation } from '@tanstack/react-router';
import type { UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { ApiProblem } from '../api/problem';
import { useTenantName } from '../shell/tenant';
import { common as t } from '../texts';
import { Link } from './links';
import { Notice, ProblemNotice } from './Notice';
import { Name } from './text';
import s from './ui.module.css';

let firstPage = true;

export interface PageProps {
  /** For the window's title; also the heading, unless heading is given. */
  title: string;
  heading?: ReactNode;
  /** Links to the pages above, before the heading. */
  crumbs?: ReactNode;
  /** Beside the heading: status, kind. */
  badges?: ReactNode;
  /** One sentence that answers "am I fine?". */
  sentence?: ReactNode;
  commands?: ReactNode;
  /** Forms are narrower. */
  form?: boolean;
  children?: ReactNode;
}

export function Page({ title, heading, crumbs, badges, sentence, commands, form = false, children }: PageProps) {
  const h1 = useRef<HTMLHeadingElement>(null);
  const path = useLocation({ select: (l) => l.pathname });
  const tenant = useTenantName();
  useEffect(() => {
    document.title = [title, tenant === title ? '' : tenant, title === t.product ? '' : t.product].filter(Boolean).join(' – ');
  }, [title, tenant]);
  useEffect(() => {
    // The first page after loading keeps the browser's own focus.
    if (!firstPage) h1.current?.focus();
    firstPage = false;
    document.getElementById('main')?.scrollTo(0, 0);
  }, [path]);
  return (
    <div className={`${s.page} ${form ? s.form : ''}`}>
      {crumbs ? <nav className={s.crumbs} aria-label="Breadcrumb">{crumbs}</nav> : null}
      <div className={s.title}>
        <h1 ref={h1} tabIndex={-1}>
          {heading ?? <Name as="title">{title}</Name>}
        </h1>
        {badges}
      </div>
      {sentence ? <p className={s.sentence}>{sentence}</p> : null}
      {commands ? <div className={s.commands}>{commands}</div> : null}
      {children}
    </div>
  );
}

/** Bars in place of what loads. They come after 200 ms: quick answers do not flash. */
export function Skeleton({ rows = 6 }: { rows?: number }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(setShown, 200, true);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={s.loading} role="status" aria-busy="true" data-loading>
      <span className="visuallyHidden">{shown ? t.loading : ''}</span>
      {shown ? Array.from({ length: rows }, (_, i) => <div key={i} className={s.bone} />) : null}
    </div>
  );
}

/** Nothing was ever here: one sentence, one command. */
export function NeverUsed({ sentence, command }: { sentence: ReactNode; command?: ReactNode }) {
  return (
    <div className={s.empty} data-empty="never">
      <p className={s.sentence}>{sentence}</p>
      {command}
    </div>
  );
}

/** There is something, but not under these filters. what is a plural noun. */
export function NothingMatches({ what, filters, clear }: { what: string; filters: number; clear: () => void }) {
  return (
    <div className={s.empty} data-empty="filter">
      <p className={s.sentence}>{t.noMatch(what, filters)}</p>
      <Button onClick={clear}>{t.clearFilters}</Button>
    </div>
  );
}

/** The same for a foreign tenant and one that does not exist. */
export function Forbidden({ error }: { error?: unknown }) {
  const sentence = error instanceof ApiProblem && error.detail ? error.detail : t.forbidden;
  return (
    <Notice kind="warning" commands={<Link to="/">{t.home}</Link>}>
      <p data-forbidden>{sentence}</p>
    </Notice>
  );
}

/**
 * Loaded shows children with the answer, and until then the skeleton, or what went
 * wrong. On a repeated read the former content stays and is marked as busy.
 */
export function Loaded<T>({ query, rows, children }: { query: UseQueryResult<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data !== undefined) {
    return (
      <div className={s.panel} aria-busy={query.isPlaceholderData && query.isFetching}>
        {children(query.data)}
      </div>
    );
  }
  if (query.isError) {
    if (query.error instanceof ApiProblem && query.error.status === 403) return <Forbidden error={query.error} />;
    return <ProblemNotice error={query.error} retry={() => void query.refetch()} />;
  }
  return <Skeleton rows={rows} />;
}
