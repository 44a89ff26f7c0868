// After signing out.
import { Button } from '@fluentui/react-components';
import { signIn } from '../../auth/auth';
import { useState } from 'react';
import { Landing } from '../../shell/Landing';
import { signin as t } from '../../texts';
import { signInWords } from '../../ui/signInWords';

export function SignedOutPage() {
  const [note, setNote] = useState('');
  return (
    <Landing title={t.signedOutTitle} sentence={t.signedOut} note={note}>
      <Button appearance="primary" onClick={() => void signIn('/').catch((err: unknown) => setNote(signInWords(err)))}>
        {t.signIn}
      </Button>
    </Landing>
  );
}
