// Small pieces of text: names, times, durations, things to copy.
import { Button } from '@fluentui/react-components';
import { Copy20Regular } from '@fluentui/react-icons';
import { useState, useSyncExternalStore, type ReactNode } from 'react';
import { serverNow } from '../format/clock';
import { absolute, ago, ahead, formatDuration, precise } from '../format/format';
import { announce } from '../shell/announce';
import { useChoices } from '../shell/store';
import { common as t } from '../texts';
import s from './ui.module.css';

/**
 * Name shows a name from a tenant: as text, in its own direction. In lists one
 * line with an ellipsis; in titles three lines and "Show all"; whole elsewhere.
 */
export function Name({ children, as = 'line' }: { children: string; as?: 'line' | 'title' | 'whole' }) {
  const [open, setOpen] = useState(false);
  if (as === 'line') return <bdi className={s.name} title={children}>{children}</bdi>;
  if (as === 'whole' || children.length <= 120) return <bdi className={s.nameWhole}>{children}</bdi>;
  return (
    <>
      <bdi className={open ? s.nameWhole : s.nameClamp}>{children}</bdi>
      <Button size="small" appearance="transparent" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? t.showLess : t.showAll}
      </Button>
    </>
  );
}

// One clock for all times on a page, so that "3 min ago" stays true.
const ticks = new Set<() => void>();
let tick = 0;
let ticker: ReturnType<typeof setInterval> | undefined;
function onTick(tell: () => void): () => void {
  ticks.add(tell);
  ticker ??= setInterval(() => {
    tick++;
    for (const each of ticks) each();
  }, 20_000);
  return () => {
    ticks.delete(tell);
    if (ticks.size === 0) {
      clearInterval(ticker);
      ticker = undefined;
    }
  };
}

/** A moment: relative, or absolute when so chosen. Hover gives the zone and UTC. */
export function Time({ at, future = false }: { at: string | undefined; future?: boolean }) {
  const { times } = useChoices();
  useSyncExternalStore(onTick, () => tick);
  if (!at) return <>{t.nothing}</>;
  const text = times === 'absolute' ? absolute(at) : future ? ahead(at) : ago(at);
  return (
    <time dateTime={at} title={precise(at)} className={s.time}>
      {text}
    </time>
  );
}

/** From one moment to another, or to now by the server's clock. */
export function Duration({ from, to }: { from: string | undefined; to?: string }) {
  useSyncExternalStore(onTick, () => tick);
  if (!from) return <>{t.nothing}</>;
  return <span className={s.time}>{formatDuration((to ? Date.parse(to) : serverNow()) - Date.parse(from))}</span>;
}

/** Copies a text. said is announced, such as "Request id copied". */
export function CopyButton({ value, children, said = t.copied }: { value: string; children: ReactNode; said?: string }) {
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    announce(said);
  };
  return (
    <Button appearance="subtle" icon={<Copy20Regular />} onClick={() => void copy()}>
      {children}
    </Button>
  );
}
