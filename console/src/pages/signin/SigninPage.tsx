// Where one begins: what this is, and the way in. No tenant is named here.
import { Button } from '@fluentui/react-components';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';
import { signIn } from '../../auth/auth';
import { noted } from '../../auth/failed';
import { Landing } from '../../shell/Landing';
import { common, signin as t } from '../../texts';
import { signInWords } from '../../ui/signInWords';

const route = getRouteApi('/signin');


export function SigninPage() {
  const { returnTo } = route.useSearch();
  const [note, setNote] = useState(() => (noted() ? signInWords(noted()) : returnTo ? t.toContinue : ''));
  const begin = () => signIn(returnTo ?? '/').catch((err: unknown) => setNote(signInWords(err)));
  return (
    <Landing title={common.product} sentence={common.claim} note={note}>
      <Button appearance="primary" onClick={() => void begin()}>
        {t.signIn}
      </Button>
    </Landing>
  );
}
