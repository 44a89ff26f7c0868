// Sentences of the page "Compare versions".
export const policyDiff = {
  title: 'Compare versions',
};
