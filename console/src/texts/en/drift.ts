// Sentences of the page "Drift".
export const drift = {
  title: 'Drift',
};
