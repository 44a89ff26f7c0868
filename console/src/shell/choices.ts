// What this browser remembers of a person's choices: theme, pause, time format,
// shortcuts, favorites, recent tenants, what is open. Nothing of a tenant's content
// and nothing of the session is kept here. The first page reads it too: nothing large
// is imported.
export interface Choices {
  theme: 'system' | 'light' | 'dark' | 'contrast';
  /** When updating was paused (ISO time), or "". */
  pausedAt: string;
  times: 'relative' | 'absolute';
  shortcuts: boolean;
  favorites: string[];
  recents: string[];
  activityOpen: boolean;
  navOpen: boolean;
  /** The tenant whose page was open last. */
  lastTenant: string;
}

const KEY = 'tenantatlas.choices';
const standard: Choices = {
  theme: 'system', pausedAt: '', times: 'relative', shortcuts: true, favorites: [], recents: [],
  activityOpen: false, navOpen: true, lastTenant: '',
};

const listeners = new Set<() => void>();
let choices = load();

// A value of another kind, from another version or by hand, is left aside.
function load(): Choices {
  let kept: Record<string, unknown> = {};
  try {
    // eslint-disable-next-line no-restricted-globals
    kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, unknown>;
  } catch {
    // Unreadable, or storage is switched off.
  }
  const entries = Object.entries(standard).map(([name, usual]) => {
    const value = kept?.[name];
    const fits = Array.isArray(usual) ? Array.isArray(value) && value.every((v) => typeof v === 'string') : typeof value === typeof usual;
    return [name, fits ? value : usual];
  });
  return Object.fromEntries(entries) as Choices;
}

export function choose(change: Partial<Choices>): void {
  choices = { ...choices, ...change };
  try {
    // eslint-disable-next-line no-restricted-globals
    localStorage.setItem(KEY, JSON.stringify(choices));
  } catch {
    // Kept for this page alone.
  }
  for (const tell of listeners) tell();
}

export const currentChoices = (): Choices => choices;

export function onChoice(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}

// Another tab may have chosen.
if (typeof addEventListener === 'function') {
  addEventListener('storage', (event) => {
    if (event.key !== KEY) return;
    choices = load();
    for (const tell of listeners) tell();
  });
}
