import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import { defineConfig } from 'vitest/config';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.env['MUTATED_FOLDER'] ?? '*';
const lib = (/** @type {string} */ path) => `${root}lib/${path}`;

/** The same transform as Jest's: Nest reads the types that decorators leave behind. */
const swc = {
  name: 'swc',
  enforce: /** @type {const} */ ('pre'),
  transform: (/** @type {string} */ code, /** @type {string} */ id) =>
    id.endsWith('.ts') && !id.includes('/node_modules/')
      ? transform(code, {
          filename: id,
          sourceMaps: true,
          swcrc: false,
          jsc: {
            target: 'es2023',
            parser: { syntax: 'typescript', decorators: true },
            transform: { legacyDecorator: true, decoratorMetadata: true },
            keepClassNames: true,
          },
          module: { type: 'es6' },
        })
      : undefined,
};

/** The unit specs of one folder, in a process that stays: a mutant costs milliseconds, not the start of a test runner. */
export default defineConfig({
  root,
  plugins: [swc],
  esbuild: false,
  resolve: {
    alias: [
      { find: '@jest/globals', replacement: fileURLToPath(new URL('jest-globals.js', import.meta.url)) },
      { find: /^nestjs-floodgate$/, replacement: lib('index.ts') },
      { find: /^nestjs-floodgate\/testing$/, replacement: lib('testing/index.ts') },
      { find: /^nestjs-floodgate\/(redis|postgres|dynamodb)$/, replacement: lib('backends/$1/index.ts') },
      { find: /^nestjs-floodgate\/([a-z]+)$/, replacement: lib('integrations/$1/index.ts') },
    ],
  },
  test: {
    globals: true,
    include: [`test/unit/${folder}/**/*.spec.ts`],
    // A million calls a test, several times slower where each branch is counted.
    exclude: ['**/no-drift.spec.ts'],
    testTimeout: 30_000,
  },
});
