// Sentences of the page "Overview".
export const overview = {
  title: 'Overview',
  syncInventory: 'Sync inventory',
};
