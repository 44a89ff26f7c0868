// Sentences of the page "Plan".
export const plan = {
  title: 'Plan',
};
