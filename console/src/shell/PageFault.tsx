// A page that could not be shown: its code did not load, or it has a fault. The
// frame around it stays.
import { Button } from '@fluentui/react-components';
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { common as t } from '../texts';
import { Notice } from '../ui/Notice';
import { Page } from '../ui/Page';

export function PageFault({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  console.error(error);
  const again = () => {
    reset();
    void router.invalidate();
  };
  return (
    <Page title={t.forbiddenTitle}>
      <Notice kind="error" alert commands={<Button onClick={again}>{t.tryAgain}</Button>}>
        <p>{t.pageFailed}</p>
      </Notice>
    </Page>
  );
}
