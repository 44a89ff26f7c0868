// Sentences of the page "Restore".
export const restore = {
  title: 'Restore',
};
