// Sentences of the page "Connection".
export const connection = {
  title: 'Connection',
};
