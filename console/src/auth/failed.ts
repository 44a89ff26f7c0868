// Why the way to the provider failed on the first page, for the page that takes its
// place and says so.
let failure: unknown = null;

export const noteFailure = (err: unknown): void => {
  failure = err;
};

/** Why it failed; null when it did not. */
export const noted = (): unknown => failure;
