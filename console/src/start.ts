// What the browser loads first, and it is small: the page to sign in on, and the way
// to the provider for who asks for another one. The console itself loads behind it,
// and is there when the provider sends the person back.
import { noteFailure } from './auth/failed';
import { loadConfig } from './config';
import { currentChoices, onChoice } from './shell/choices';
import { common } from './texts/en/common';
import { signin as t } from './texts/en/signin';
import './start.css';

const root = document.getElementById('root') as HTMLElement;
const { pathname, search } = location;
const wantsDark = matchMedia('(prefers-color-scheme: dark)');

// The console takes the place of what is shown.
const loadConsole = async () => {
  root.className = '';
  await import('./main');
};

function look(): void {
  const { theme } = currentChoices();
  const now = theme === 'system' ? (wantsDark.matches ? 'dark' : 'light') : theme;
  root.dataset.look = now;
  document.documentElement.style.colorScheme = now === 'light' ? 'light' : 'dark';
}

function element(tag: string, text: string, className = ''): HTMLElement {
  const el = document.createElement(tag);
  el.textContent = text;
  el.className = className;
  return el;
}

function showSignIn(returnTo: string | null): void {
  root.className = 'start';
  look();
  wantsDark.addEventListener('change', look);
  onChoice(look);
  const page = element('main', '');
  page.id = 'main';
  const note = element('p', returnTo ? t.toContinue : '', 'note');
  note.setAttribute('role', 'status');
  const button = element('button', t.signIn);
  let busy = false;
  button.addEventListener('click', () => {
    if (busy) return;
    busy = true;
    note.textContent = t.working;
    import('./auth/leave')
      .then(({ leave }) => leave(returnTo ?? '/'))
      .catch((err: unknown) => {
        noteFailure(err);
        wantsDark.removeEventListener('change', look);
        return loadConsole();
      });
  });
  page.append(element('h1', common.product), element('p', common.claim, 'claim'), button, note);
  root.replaceChildren(page);
  // The rest, while the person reads: only its bytes, so that a click is answered at once.
  requestAnimationFrame(() =>
    setTimeout(() => {
      for (const link of document.querySelectorAll<HTMLLinkElement>('link[data-later]')) link.rel = 'prefetch';
    }),
  );
}

async function begin(): Promise<void> {
  void loadConfig().catch(() => undefined); // whoever needs it asks again
  if (pathname === '/' || pathname === '/signin') {
    showSignIn(new URLSearchParams(search).get('returnTo'));
    return;
  }
  // The way back, and what is shown to everybody, is the console's own.
  if (!['/callback', '/signed-out'].includes(pathname)) {
    const { leaveUnasked } = await import('./auth/leave');
    // What goes wrong here, the console meets again and says it.
    if (await leaveUnasked(pathname + search).catch(() => false)) return;
  }
  await loadConsole();
}

void begin();
