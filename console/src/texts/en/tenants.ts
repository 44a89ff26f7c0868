// Sentences of the page "All tenants".
export const tenants = {
  title: 'All tenants',
};
