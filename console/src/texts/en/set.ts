// Sentences of the page "Backup set".
export const set = {
  title: 'Backup set',
};
