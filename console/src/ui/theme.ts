// Fluent's themes, with the corrections that contrast asks for: what is red or a
// link in the dark must be read on every ground that it can stand on.
import { teamsHighContrastTheme, webDarkTheme, webLightTheme, type Theme } from '@fluentui/react-components';
import { useSyncExternalStore } from 'react';
import { useChoices } from '../shell/store';


const font = { fontFamilyBase: "'Segoe UI', 'Segoe UI Web (West European)', system-ui, -apple-system, Roboto, 'Helvetica Neue', sans-serif" };

const light: Theme = { ...webLightTheme, ...font };
const dark: Theme = {
  ...webDarkTheme,
  ...font,
  // 4.16 on the ground of the page; this is 7.74.
  colorStatusDangerForeground1: webDarkTheme.colorStatusDangerForeground3,
};
const contrast: Theme = { ...teamsHighContrastTheme, ...font };

const wantsDark = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : null;

function onScheme(tell: () => void): () => void {
  wantsDark?.addEventListener('change', tell);
  return () => wantsDark?.removeEventListener('change', tell);
}

export interface Look {
  theme: Theme;
  scheme: 'light' | 'dark';
}

/** The theme that was chosen, or the system's. */
export function useLook(): Look {
  const { theme } = useChoices();
  const system = useSyncExternalStore(onScheme, () => wantsDark?.matches ?? false);
  if (theme === 'contrast') return { theme: contrast, scheme: 'dark' };
  return theme === 'dark' || (theme === 'system' && system) ? { theme: dark, scheme: 'dark' } : { theme: light, scheme: 'light' };
}
