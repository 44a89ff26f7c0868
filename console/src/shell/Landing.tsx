// A page outside of the frame: a heading, a sentence, and what can be done.
import { useEffect, type ReactNode } from 'react';
import { common } from '../texts';
import s from './landing.module.css';

export function Landing({ title, sentence, note, children }: { title: string; sentence?: ReactNode; note?: ReactNode; children?: ReactNode }) {
  useEffect(() => {
    document.title = title === common.product ? title : `${title} – ${common.product}`;
  }, [title]);
  return (
    <main id="main" className={s.landing}>
      <h1>{title}</h1>
      {sentence ? <p className={s.sentence}>{sentence}</p> : null}
      {children ? <div className={s.commands}>{children}</div> : null}
      <p role="status" className={s.note}>
        {note}
      </p>
    </main>
  );
}
