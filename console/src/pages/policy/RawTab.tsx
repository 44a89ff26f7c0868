// The content as it was captured, every digit kept.
import { Button } from '@fluentui/react-components';
import { ArrowDownload20Regular } from '@fluentui/react-icons';
import { useState } from 'react';
import { policy as t } from '../../texts';
import { download, fileName } from '../../ui/download';
import { CopyButton } from '../../ui/text';
import type { VersionText } from './version';
import s from './policy.module.css';

const FIRST = 100_000; // characters; more on request

export function RawTab({ text }: { text: VersionText }) {
  const [whole, setWhole] = useState(false);
  const { raw, version } = text;
  return (
    <>
      <div className={s.tools}>
        <CopyButton value={raw} said={t.copiedRaw}>
          {t.copyRaw}
        </CopyButton>
        <Button appearance="subtle" icon={<ArrowDownload20Regular />} onClick={() => download(`${fileName(version.policyName)}-v${version.number}.json`, raw)}>
          {t.download}
        </Button>
        <span className={s.count}>{t.rawNote}</span>
      </div>
      {/* A region that scrolls must be reached by keyboard. */}
      <pre className={s.raw} tabIndex={0} role="region" aria-label={t.rawLabel}>
        {whole ? raw : raw.slice(0, FIRST)}
      </pre>
      {raw.length > FIRST && !whole ? (
        <div>
          <Button onClick={() => setWhole(true)}>{t.showAll(raw.length)}</Button>
        </div>
      ) : null}
    </>
  );
}
