// Starts the console: settings, sign-in, then the page of the address.
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { configure, SignInError } from './auth/auth';
import { loadConfig } from './config';
import { beginPolling } from './poll/usePolled';
import { router } from './router';
import { beginKeys } from './shell/keys';
import { queryClient } from './shell/queryClient';
import { Themed } from './shell/Shell';
import { signin as t } from './texts';
import { StartFailed } from './shell/StartFailed';
import { signInWords } from './ui/signInWords';
import './ui/base.css';

const place = createRoot(document.getElementById('root') as HTMLElement);

async function begin(): Promise<void> {
  try {
    await configure(await loadConfig());
  } catch (err) {
    console.error(err);
    place.render(
      <Themed>
        <StartFailed sentence={err instanceof SignInError ? signInWords(err) : t.configFailed} />
      </Themed>,
    );
    return;
  }
  beginPolling();
  beginKeys();
  place.render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}

void begin();
