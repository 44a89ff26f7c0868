// Pages of a list whose tokens are opaque: forward by the next token, back to the
// start, and the browser's Back for one page.
import { Button } from '@fluentui/react-components';
import { ChevronRight16Regular, Previous16Regular } from '@fluentui/react-icons';
import { common as t } from '../texts';
import s from './ui.module.css';

/** page: the token in the address; next: the token of the answer; go: puts one into the address. */
export function Pager({ page, next, go }: { page: string | undefined; next: string | undefined; go: (page: string | undefined) => void }) {
  if (!page && !next) return null;
  return (
    <nav className={s.commands} aria-label={t.pages}>
      {page ? (
        <Button appearance="subtle" icon={<Previous16Regular />} onClick={() => go(undefined)}>
          {t.firstPage}
        </Button>
      ) : null}
      {next ? (
        <Button icon={<ChevronRight16Regular />} iconPosition="after" onClick={() => go(next)}>
          {t.nextPage}
        </Button>
      ) : null}
    </nav>
  );
}
