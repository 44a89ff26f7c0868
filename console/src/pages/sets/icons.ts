// The icon of a backup set's state.
export const setIcons: Record<string, string> = { filling: 'running', complete: 'fine', incomplete: 'partial', empty: 'skipped' };
