import { availableParallelism } from 'node:os';

/** What every suite shares. @type {import('jest').Config} */
const suite = {
  testEnvironment: '<rootDir>/test/support/tidy.environment.js',
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/sample-app/dist', '<rootDir>/.mutants'],
  moduleNameMapper: {
    '^nestjs-floodgate$': '<rootDir>/lib/index.ts',
    '^nestjs-floodgate/testing$': '<rootDir>/lib/testing/index.ts',
    '^nestjs-floodgate/(redis|postgres|dynamodb)$': '<rootDir>/lib/backends/$1/index.ts',
    '^nestjs-floodgate/([a-z]+)$': '<rootDir>/lib/integrations/$1/index.ts',
    '^@fastify/static$': '<rootDir>/test/support/no-static-files.cjs',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
};

/** @type {import('jest').Config} */
export default {
  projects: [
    { ...suite, displayName: 'unit', testMatch: ['<rootDir>/test/unit/**/*.spec.ts'] },
    {
      ...suite,
      displayName: 'system',
      testMatch: ['<rootDir>/test/**/*.spec.ts'],
      testPathIgnorePatterns: ['<rootDir>/test/(unit|packaging|observe|browser)/', '/node_modules/'],
      globalSetup: '<rootDir>/test/support/server-binaries.js',
    },
    {
      ...suite,
      displayName: 'observers',
      testMatch: ['<rootDir>/test/(observe|browser)/**/*.spec.ts'],
      globalSetup: '<rootDir>/test/support/observer-binaries.js',
    },
    {
      ...suite,
      displayName: 'packaging',
      testMatch: ['<rootDir>/test/packaging/**/*.spec.ts'],
      globalSetup: '<rootDir>/test/support/server-binaries.js',
    },
  ],
  // Half the cores, since many tests start servers and processes of their own; two where there are only two.
  maxWorkers: Math.max(2, Math.floor(availableParallelism() / 2)),
  // The modules of a test file are not freed when it ends. A worker with gigabytes of them spends its time collecting.
  workerIdleMemoryLimit: '1GB',
  reporters: ['default', '<rootDir>/test/support/summary.reporter.js'],
  // Far more than any test takes, so that only what hangs is ended, on a busy machine too.
  testTimeout: 300_000,
};
