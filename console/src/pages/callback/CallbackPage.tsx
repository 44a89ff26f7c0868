// The provider sends people back here. The code leaves the address bar at once and
// is used once.
import { Button } from '@fluentui/react-components';
import { useRouter } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { CALLBACK, finish, signIn } from '../../auth/auth';
import { Landing } from '../../shell/Landing';
import { common, signin as t } from '../../texts';
import { signInWords } from '../../ui/signInWords';

// The address as it was when the page loaded: an effect may run again.
let finishing: Promise<string | null> | null = null;

export function CallbackPage() {
  const router = useRouter();
  const [note, setNote] = useState('');
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (!finishing) {
      void import('../overview/OverviewPage'); // where most go on, while the provider is asked
      const address = location.href;
      finishing = finish(address);
      router.history.replace(CALLBACK);
    }
    finishing.then(
      (returnTo) => {
        if (returnTo !== null) {
          router.history.replace(returnTo);
          return;
        }
        setNote(t.handedOver);
        window.close();
      },
      (err: unknown) => {
        setNote(signInWords(err));
        setOver(true);
      },
    );
  }, [router]);
  return (
    <Landing title={common.product} sentence={over ? common.claim : t.working} note={note}>
      {over ? (
        <Button appearance="primary" onClick={() => void signIn('/').catch((err: unknown) => setNote(signInWords(err)))}>
          {t.signIn}
        </Button>
      ) : null}
    </Landing>
  );
}
