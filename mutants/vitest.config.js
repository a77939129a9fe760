import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';
import { Tinypool } from 'tinypool';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.env['MUTATED_FOLDER'] ?? '*';
/** The specs in `test/unit` that reach a folder. @type {Readonly<Record<string, string[]>>} */
const SPECS = {
  algorithms: ['algorithms/**/*', 'policies/**/*'],
  breaker: ['breaker/**/*', 'fleet/**/*', 'interleavings/breaker.*', 'testing/**/*', 'rate-limit.*'],
  limiter: ['limiter/**/*', 'interleavings/**/*', 'policies/**/*', 'simulate/**/*', 'testing/**/*', 'rate-limit.*'],
  guard: ['guard/**/*', 'transports/*', 'simulate/**/*', 'testing/**/*', 'rate-limit.*'],
};
/** What takes long, the longest last. */
const SLOW = [
  'simulate/',
  'refunds',
  'strict-window',
  'exact-model',
  'calendar',
  'waiting',
  'interleavings/',
  'breaker.fuzz',
  'all-states',
  'slot-ends',
];

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

// One thread runs all, so that it loads Nest once. Vitest would begin another for each mutant, even without isolation;
// `fresh-start.js` isolates instead.
Tinypool.prototype.recycleWorkers = () => Promise.resolve();

/** Quick specs notice most mutants, and the others then need not run. */
class QuickFirst extends BaseSequencer {
  /** @override @param {Parameters<BaseSequencer['sort']>[0]} specs */
  sort(specs) {
    const place = (/** @type {string} */ path) => SLOW.findIndex((name) => path.includes(`/${name}`));
    return Promise.resolve([...specs].sort((one, other) => place(one.moduleId) - place(other.moduleId)));
  }
}

/** The unit specs of one folder, in a thread that stays: a mutant takes the time of its tests, not the start of a test runner. */
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
    isolate: false,
    setupFiles: ['mutants/fresh-start.js'],
    sequence: { setupFiles: 'list', sequencer: QuickFirst },
    include: (SPECS[folder] ?? ['**/*']).map((specs) => `test/unit/${specs}.spec.ts`),
    // Millions of calls, several times slower where each branch is counted.
    exclude: ['**/no-drift.spec.ts', '**/simulation.spec.ts'],
    testTimeout: 30_000,
    reporters: [{}],
    cache: false,
  },
});
