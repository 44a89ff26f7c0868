// Sentences of the page "Coverage".
export const types = {
  title: 'Coverage',
};
