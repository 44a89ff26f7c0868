// Says something to those who listen: politely, or at once when an own action
// failed or the session is over. A dialog that is open hides the rest of the page
// from listeners, so it brings live regions of its own.
type Tell = (text: string) => void;

const regions: { polite: Set<Tell>; assertive: Set<Tell> } = { polite: new Set(), assertive: new Set() };

// What was said last: a dialog that closes right after it would take it along.
const LOST = 1500; // milliseconds
let last: { text: string; urgent: boolean; tell: Tell; at: number } | null = null;

export function announce(text: string, urgent = false): void {
  const all = [...regions[urgent ? 'assertive' : 'polite']];
  // The region that came last is the one on top.
  const tell = all.at(-1);
  if (tell) last = { text, urgent, tell, at: Date.now() };
  tell?.(text);
}

export function addRegion(kind: 'polite' | 'assertive', tell: Tell): () => void {
  regions[kind].add(tell);
  return () => {
    regions[kind].delete(tell);
    const lost = last;
    if (lost?.tell === tell && Date.now() - lost.at < LOST) setTimeout(() => announce(lost.text, lost.urgent));
  };
}
