// The server's clock: a client's may be off, and a wait below zero helps nobody.
let skew = 0; // milliseconds that the server is ahead

/** Takes the Date header of an answer. */
export function learnClock(header: string | null): void {
  const server = Date.parse(header ?? '');
  if (!Number.isNaN(server)) skew = server - Date.now();
}

export const serverNow = (): number => Date.now() + skew;
