// Platforms as people call them.
import { policies as t } from '../../texts';

/** "windows10,macOS" → "Windows, macOS". */
export function platformWords(platform: string | undefined): string {
  if (!platform) return '';
  return platform
    .split(',')
    .map((each) => t.platforms[each.trim()] ?? each.trim())
    .join(', ');
}

export const platformOptions = ['windows10', 'macOS', 'iOS', 'android', 'linux'].map((value) => ({ value, label: t.platforms[value] ?? value }));
