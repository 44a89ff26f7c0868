// Codes as words, where several stand beside each other with their counts. The
// sentences are the API's; a chip has room for the code alone.

/** "license_missing" is "License missing". */
export function reasonWords(code: string): string {
  const words = code.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
