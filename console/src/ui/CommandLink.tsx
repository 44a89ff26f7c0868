// A link among the commands of a page: it looks like a button. Above the role it
// stays where it is and says what it needs.
import { Button } from '@fluentui/react-components';
import { createLink } from '@tanstack/react-router';
import { forwardRef, useId, type AnchorHTMLAttributes, type ReactElement } from 'react';
import type { Role } from '../api/types';
import { common as t } from '../texts';
import { includes } from './RunStartButton';
import s from './ui.module.css';

interface LookProps extends AnchorHTMLAttributes<HTMLAnchorElement> {
  primary?: boolean;
  subtle?: boolean;
  icon?: ReactElement;
  size?: 'small' | 'medium';
}

const Look = forwardRef<HTMLAnchorElement, LookProps>(({ primary, subtle, type: _type, ...props }, ref) => (
  <Button as="a" ref={ref} appearance={primary ? 'primary' : subtle ? 'subtle' : 'secondary'} {...props} />
));
Look.displayName = 'CommandLink';

/** <CommandLink to="/t/$tenant/sets/new" params={{ tenant }} primary>New backup set</CommandLink> */
export const CommandLink = createLink(Look);

/** In place of a CommandLink, or of a button, that is above the role. */
export function NeedsRole({ children, need }: { children: string; need: Role }) {
  const note = useId();
  return (
    <span className={s.answer}>
      <Button disabledFocusable aria-describedby={note} title={t.needsRole(need)}>
        {children}
      </Button>
      <span id={note} className={s.detail}>
        {t.needsRole(need)}
      </span>
    </span>
  );
}

/** Shows children to those whose role includes need; to the others the label, disabled. */
export function ForRole({ role, need, label, children }: { role: Role | undefined; need: Role; label: string; children: ReactElement }) {
  return includes(role, need) ? children : <NeedsRole need={need}>{label}</NeedsRole>;
}
