// Who one is, how the console looks to one, and the way out.
import {
  Button, Menu, MenuDivider, MenuGroup, MenuGroupHeader, MenuItem, MenuItemCheckbox, MenuItemRadio, MenuList, MenuPopover, MenuTrigger,
} from '@fluentui/react-components';
import { useSyncExternalStore } from 'react';
import { currentSession, onSession, signOut } from '../auth/auth';
import { clockTime } from '../format/format';
import { shell as t } from '../texts';
import { announce } from './announce';
import { togglePause } from './PauseButton';
import { choose, useChoices, type Choices } from './store';
import { useMe } from './tenant';
import s from './shell.module.css';

const initials = (who: string): string =>
  who
    .split('@')[0]!
    .split(/[\s._-]+/)
    .map((part) => [...part][0] ?? '')
    .slice(0, 2)
    .join('')
    .toUpperCase();

export function AccountMenu({ narrow, help }: { narrow: boolean; help: () => void }) {
  const { theme, times, shortcuts, pausedAt } = useChoices();
  const session = useSyncExternalStore(onSession, currentSession);
  const me = useMe();
  const who = session.who || me.data?.name || '';
  const copy = async () => {
    await navigator.clipboard.writeText(me.data?.userId ?? '');
    announce(t.userIdCopied);
  };
  return (
    <Menu
      inline
      checkedValues={{ theme: [theme], times: [times], shortcuts: shortcuts ? ['on'] : [], pause: pausedAt ? ['on'] : [] }}
      onCheckedValueChange={(_, { name, checkedItems }) => {
        if (name === 'theme') choose({ theme: checkedItems[0] as Choices['theme'] });
        if (name === 'times') choose({ times: checkedItems[0] as Choices['times'] });
        if (name === 'shortcuts') choose({ shortcuts: checkedItems.length > 0 });
        if (name === 'pause') togglePause(pausedAt);
      }}
    >
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" shape="circular" className={s.account} aria-label={t.accountOf(who)} data-account>
          <span aria-hidden="true" className={s.initials}>
            {initials(who) || '?'}
          </span>
        </Button>
      </MenuTrigger>
      <MenuPopover className="overPage">
        <MenuList>
          <div className={s.who} role="presentation">
            <bdi>{who}</bdi>
          </div>
          {narrow ? (
            <>
              <MenuItemCheckbox name="pause" value="on">
                {pausedAt ? t.pausedSince(clockTime(pausedAt)) : t.paused}
              </MenuItemCheckbox>
              <MenuItem onClick={help}>{t.help}</MenuItem>
            </>
          ) : null}
          <MenuGroup>
            <MenuGroupHeader>{t.theme}</MenuGroupHeader>
            {Object.entries(t.themes).map(([value, label]) => (
              <MenuItemRadio key={value} name="theme" value={value}>
                {label}
              </MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuGroup>
            <MenuGroupHeader>{t.times}</MenuGroupHeader>
            {Object.entries(t.timeFormats).map(([value, label]) => (
              <MenuItemRadio key={value} name="times" value={value}>
                {label}
              </MenuItemRadio>
            ))}
          </MenuGroup>
          <MenuDivider />
          <MenuItemCheckbox name="shortcuts" value="on">
            {t.shortcuts}
          </MenuItemCheckbox>
          <MenuDivider />
          <MenuItem disabled={!me.data} onClick={() => void copy()}>
            {t.copyUserId}
          </MenuItem>
          <MenuItem onClick={() => void signOut()}>{t.signOut}</MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
