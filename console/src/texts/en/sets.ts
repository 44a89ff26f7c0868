// Sentences of the page "Backup sets".
export const sets = {
  title: 'Backup sets',
};
