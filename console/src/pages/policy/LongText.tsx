// A value of any length: the beginning, and the whole on request.
import { Button } from '@fluentui/react-components';
import { useState } from 'react';
import { policy as t } from '../../texts';
import s from './policy.module.css';

const SHORT = 400;
const LINES = 8;

export function LongText({ text, title }: { text: string; title?: string }) {
  const [open, setOpen] = useState(false);
  const lines = text.split('\n', LINES + 1);
  const long = text.length > SHORT || lines.length > LINES;
  const shown = open || !long ? text : lines.slice(0, LINES).join('\n').slice(0, SHORT);
  return (
    <span className={s.value}>
      <bdi title={title}>{shown}</bdi>
      {long ? (
        <>
          {open ? ' ' : '… '}
          <Button size="small" appearance="transparent" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? t.showLess : t.showAll(text.length)}
          </Button>
        </>
      ) : null}
    </span>
  );
}
