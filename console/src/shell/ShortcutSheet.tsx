// Every single-key shortcut, and whether they are on.
import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from '@fluentui/react-components';
import { common, shortcutTexts as t } from '../texts';
import { useChoices } from './store';
import s from './shell.module.css';

const groups: [keyof typeof t.groups, [string[], keyof typeof t.items][]][] = [
  ['page', [[['?'], 'sheet'], [['/'], 'search'], [['r'], 'refresh'], [['Esc'], 'close']]],
  ['list', [[['j'], 'next'], [['k'], 'previous'], [['Enter'], 'open'], [['x'], 'select'], [['n'], 'nextUrgent'], [['p'], 'previousUrgent']]],
  [
    'go',
    [
      [['g', 'o'], 'overview'], [['g', 'r'], 'runs'], [['g', 'p'], 'policies'], [['g', 'b'], 'sets'], [['g', 'd'], 'drift'],
      [['g', 's'], 'schedules'], [['g', 't'], 'switcher'], [['g', 'a'], 'activity'],
    ],
  ],
];

export function ShortcutSheet({ onClose }: { onClose: () => void }) {
  const { shortcuts } = useChoices();
  return (
    <Dialog open onOpenChange={(_, d) => !d.open && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{t.title}</DialogTitle>
          <DialogContent tabIndex={0}>
            {shortcuts ? null : <p className={s.off}>{t.off}</p>}
            <div className={s.sheet}>
              {groups.map(([group, items]) => (
                <section key={group}>
                  <h3>{t.groups[group]}</h3>
                  <dl>
                    {items.map(([keys, item]) => (
                      <div key={item}>
                        <dt>{t.items[item]}</dt>
                        <dd>
                          {keys.map((key, i) => (
                            <span key={key}>
                              {i > 0 ? ` ${t.then} ` : null}
                              <kbd>{key}</kbd>
                            </span>
                          ))}
                        </dd>
                      </div>
                    ))}
                  </dl>
                </section>
              ))}
            </div>
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose}>{common.close}</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
