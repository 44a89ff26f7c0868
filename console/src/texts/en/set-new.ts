// Sentences of the page "New backup set".
export const setNew = {
  title: 'New backup set',
};
