import eslint from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

export default defineConfig(
  globalIgnores(['**/dist/', 'coverage/', 'bench/', '.mutants-*/', '.site/', 'site-dist/']),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { noInlineConfig: true, reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // TypeScript knows every global, in JavaScript files too.
      'no-undef': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Holds some assertions for unnecessary that the compiler asks for.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // What a function that may answer nothing answers.
      '@typescript-eslint/no-invalid-void-type': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Checks what a caller in JavaScript may pass, and what a call in between may have changed.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      // Types are structural here; Nest declares options as classes.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A Nest module is a class with nothing in it.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowEmpty: true }],
    },
  },
  {
    files: ['test/**', 'sample-app/**', 'lib/testing/**'],
    rules: {
      // A fixture that is missing fails the test, which is what it should do.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // A handler may be async for its promise alone.
      '@typescript-eslint/require-await': 'off',
      // Jest's asymmetric matchers are `any`, and so are parsed bodies.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      // A test may look at a method, spread a record or print a value just to see what it is.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      // A test may wait for what is a promise only sometimes, say what a body holds, and take some cases of many.
      '@typescript-eslint/await-thenable': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'off',
      // A test may fail with whatever a careless callee would.
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
    },
  },
);
