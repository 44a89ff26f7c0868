// Sentences of the page "Audit".
export const audit = {
  title: 'Audit',
};
