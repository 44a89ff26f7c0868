// Sentences of the page "Policies".
export const policies = {
  title: 'Policies',
};
