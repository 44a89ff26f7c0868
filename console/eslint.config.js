// What the compiler does not see: accessibility of the markup, and what would
// open a way around the content security policy.
import parser from '@typescript-eslint/parser';
import a11y from 'eslint-plugin-jsx-a11y';

export default [
  { ignores: ['dist/**', 'node_modules/**', 'src/api/schema.d.ts'] },
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: { parser, parserOptions: { ecmaFeatures: { jsx: true } } },
    plugins: { 'jsx-a11y': a11y },
    rules: {
      ...a11y.flatConfigs.recommended.rules,
      // The tables are made of div elements with roles; their rows take focus by j and k.
      'jsx-a11y/no-noninteractive-tabindex': 'off',
      eqeqeq: 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Content from tenants is text.' },
        { selector: 'MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]', message: 'Content from tenants is text.' },
      ],
      'no-restricted-globals': [
        'error',
        { name: 'localStorage', message: 'Use src/shell/store.ts, which says what may be kept.' },
      ],
    },
  },
];
