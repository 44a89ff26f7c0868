// Sentences of the page "Policy".
export const policy = {
  title: 'Policy',
};
