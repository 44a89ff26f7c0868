// Sentences of the page "Members".
export const members = {
  title: 'Members',
};
