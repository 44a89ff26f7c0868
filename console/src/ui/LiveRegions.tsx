// The places from which announcements are read out.
import { useEffect, useState } from 'react';
import { addRegion } from '../shell/announce';

function Region({ kind }: { kind: 'polite' | 'assertive' }) {
  const [said, setSaid] = useState({ text: '', turn: 0 });
  useEffect(() => addRegion(kind, (text) => setSaid((before) => ({ text, turn: before.turn + 1 }))), [kind]);
  // A text that is said twice in a row must differ, or it is not read again.
  return (
    <div className="visuallyHidden" role={kind === 'polite' ? 'status' : 'alert'} aria-live={kind} data-announce={kind}>
      {said.text}
      {said.turn % 2 ? '\u200b' : ''}
    </div>
  );
}

export function LiveRegions() {
  return (
    <>
      <Region kind="polite" />
      <Region kind="assertive" />
    </>
  );
}
