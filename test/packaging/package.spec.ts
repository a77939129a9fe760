import { existsSync } from 'node:fs';
import { cp, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { mustRun, type Outcome, run } from './command.js';
import { InstalledProject, packed, temporary } from './installed-project.js';
import { RedisServer } from '../support/redis-server.js';

const NEST_11 = nest('^11.0.0');
const NEST_12 = nest('^12.0.0');
const ENTRIES = [
  'nestjs-floodgate',
  'nestjs-floodgate/dashboard',
  'nestjs-floodgate/dynamodb',
  'nestjs-floodgate/openapi',
  'nestjs-floodgate/opentelemetry',
  'nestjs-floodgate/postgres',
  'nestjs-floodgate/prometheus',
  'nestjs-floodgate/redis',
  'nestjs-floodgate/terminus',
  'nestjs-floodgate/testing',
  'nestjs-floodgate/throttler',
];

/** Optional packages whose version does not depend on Nest's. */
const OPTIONAL = {
  '@aws-sdk/client-dynamodb': '^3.363.0',
  '@nestjs/throttler': '^6.0.0',
  '@opentelemetry/api': '^1.9.0',
  pg: '^8.0.0',
  '@types/pg': '^8.0.0',
  'prom-client': '^15.0.0',
};

const BIN = join(process.cwd(), 'node_modules/.bin');
const INSTALL_LIMIT_MS = 330_000;

/** Passes to a script what it needs to fail with. */
const PRELUDE = `const entries = ${JSON.stringify(ENTRIES)}; const check = (ok, what) => { if (!ok) throw new Error(what); };`;

/** An application of one copy, with a provider whose methods the other copy decorated. */
const TWO_COPIES = `
  import 'reflect-metadata';
  import { Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import * as own from 'nestjs-floodgate';
  import * as second from 'second';
  check(own.Breaker !== second.Breaker, 'there is one copy');
  const down = new Error('down');
  class Partner {
    async ask() { throw down; }
    async *tokens() { throw down; }
    async find(host) { throw down; }
    async slow() { return new Promise(() => undefined); }
  }
  const options = { failureThreshold: 1, isFailure: () => true };
  const all = {
    ask: options, tokens: options, find: { ...options, key: (host) => host },
    slow: { failureThreshold: 1, isFailure: () => false, callTimeout: 10 },
  };
  for (const [name, given] of Object.entries(all)) {
    const descriptor = Object.getOwnPropertyDescriptor(Partner.prototype, name);
    second.CircuitBreaker(given)(Partner.prototype, name, descriptor);
    Object.defineProperty(Partner.prototype, name, descriptor);
  }
  class AppModule {}
  Module({ imports: [own.RateLimitModule.forRoot()], providers: [Partner] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  const registry = app.get(own.CircuitBreakerRegistry);
  const partner = app.get(Partner);
  const calls = [() => partner.ask(), () => partner.tokens().next(), () => partner.find('a'), () => partner.slow()];
  for (const call of calls) {
    await call().then(() => check(false, 'no error'), () => undefined);
    await call().then(() => check(false, 'no error'), (error) => check(error.code === 'CIRCUIT_OPEN', String(error)));
  }
  for (const name of ['Partner.ask', 'Partner.tokens', 'Partner.find[a]', 'Partner.slow']) {
    check(registry.get(name) instanceof own.Breaker, name + ' is missing');
    check(registry.get(name).status().state === 'open', name + ' is closed');
  }
  await app.close();`;

/** What applications with other transports install. */
const OF_TRANSPORTS = [
  '@nestjs/graphql',
  '@nestjs/apollo',
  '@nestjs/mercurius',
  '@nestjs/websockets',
  '@nestjs/microservices',
  '@grpc/grpc-js',
  'graphql',
  'socket.io',
  'ws',
];

/** An application that names every option of transports, and has HTTP alone. */
const WITHOUT_TRANSPORTS = `
  import 'reflect-metadata';
  import { Controller, Get, Module } from '@nestjs/common';
  import { NestFactory } from '@nestjs/core';
  import { RateLimit, RateLimitModule } from 'nestjs-floodgate';
  class Routes { greet() { return 'hello'; } }
  Get()(Routes.prototype, 'greet', Object.getOwnPropertyDescriptor(Routes.prototype, 'greet'));
  RateLimit('1/m')(Routes.prototype, 'greet', Object.getOwnPropertyDescriptor(Routes.prototype, 'greet'));
  Controller()(Routes);
  class AppModule {}
  const policies = { connections: '1/m' };
  const transports = [{ name: 'bot', owns: () => false }];
  Module({
    imports: [RateLimitModule.forRoot({ policies, connect: 'connections', transports })],
    controllers: [Routes],
  })(AppModule);
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const statuses = [];
  for (let call = 0; call < 2; call += 1) statuses.push((await fetch(url)).status);
  check(statuses.join() === '200,429', statuses.join());
  await app.close();`;

let tarball: string;

beforeAll(async () => {
  tarball = await packed(await temporary('tarball'));
});

afterAll(() => rm(dirname(tarball), { recursive: true, force: true }));

describe('the tarball', () => {
  test('holds the build, the readme, the licence and the changelog, and nothing else', async () => {
    const files = (await mustRun(dirname(tarball), 'tar', '-tzf', tarball)).trim().split('\n');
    const beside = files.map((file) => file.replace(/^package\//, '')).filter((file) => !file.startsWith('dist/'));
    expect(beside.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
    const strange = files.filter(
      (file) =>
        file.includes('/dist/') &&
        !/\/dist\/((esm|cjs)\/.*(\.js|\.d\.ts|\.json)|cli\/[\w.-]+\.js|cli\/licences\.txt)$/.test(file),
    );
    expect(strange).toEqual([]);
    expect(files).toContain('package/dist/cli/licences.txt');
  });

  test('is clean for publint', async () => {
    await expect(run(process.cwd(), join(BIN, 'publint'), 'run', tarball, '--strict')).resolves.toMatchObject({
      code: 0,
    });
  });

  test('has the right types for every kind of resolution', async () => {
    await expect(run(process.cwd(), join(BIN, 'attw'), tarball)).resolves.toMatchObject({ code: 0 });
  });
});

describe('on Nest 12 without ioredis and terminus', () => {
  let project: InstalledProject;

  beforeAll(async () => {
    project = await InstalledProject.create('bare', tarball, { ...NEST_12.core, ...NEST_12.http });
  }, INSTALL_LIMIT_MS);

  afterAll(() => project[Symbol.asyncDispose]());

  test.each([
    ['import', 'mjs', `await import('nestjs-floodgate');`],
    ['require', 'cjs', `require('nestjs-floodgate');`],
  ] as const)('the core loads by %s', async (_, kind, source) => {
    await expect(project.script(kind, source)).resolves.toEqual({ code: 0, output: '' });
  });

  test('nothing was installed with it', async () => {
    const { dependencies } = JSON.parse(
      await readFile(join(project.directory, 'node_modules/nestjs-floodgate/package.json'), 'utf8'),
    ) as { dependencies?: object };
    expect(dependencies).toBeUndefined();
    expect(existsSync(join(project.directory, 'node_modules/commander'))).toBe(false);
    expect(existsSync(join(project.directory, 'node_modules/cli-table3'))).toBe(false);
  });

  test('the command line runs, and names the driver that is missing', async () => {
    await project.write('access.log', '192.0.2.1 - - [26/Nov/2026:18:05:09 +0000] "GET / HTTP/1.1" 200 1\n');
    const floodgate = (...words: string[]): Promise<Outcome> =>
      run(project.directory, 'npx', '--no-install', 'floodgate', ...words);
    expect(await floodgate('simulate', 'access.log', '--policy', '100/m')).toMatchObject({
      code: 0,
      output: expect.stringContaining('100/m would have refused 0 % of 1 call'),
    });
    expect(await floodgate('--version')).toEqual({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    for (const [url, driver] of [
      ['redis://127.0.0.1:1', 'ioredis'],
      ['postgres://127.0.0.1:1/x', 'pg'],
    ] as const) {
      const output = `The package ${driver} is not installed: npm install ${driver}.\n`;
      expect(await floodgate('top', '--url', url)).toEqual({ code: 2, output });
    }
  });

  test('an entry point that needs a missing package names it', async () => {
    const { code, output } = await project.script('mjs', `await import('nestjs-floodgate/terminus');`);
    expect(code).not.toBe(0);
    expect(output).toContain(`Cannot find package '@nestjs/terminus'`);
  });

  test('methods that a second copy of the package decorated have their breakers in the application', async () => {
    await cp(join(project.directory, 'node_modules/nestjs-floodgate'), join(project.directory, 'node_modules/second'), {
      recursive: true,
    });
    await expect(project.script('mjs', PRELUDE + TWO_COPIES)).resolves.toEqual({ code: 0, output: '' });
  });

  test('an application limits in a Jest ESM project', async () => {
    await expect(project.jest('limited-app.ts', 'module')).resolves.toMatchObject({ code: 0 });
  });

  test('an application starts and limits without the packages of other transports', async () => {
    const installed = (name: string): boolean => existsSync(join(project.directory, 'node_modules', name));
    expect(OF_TRANSPORTS.filter(installed)).toEqual([]);
    await expect(project.script('mjs', PRELUDE + WITHOUT_TRANSPORTS)).resolves.toEqual({ code: 0, output: '' });
  });

  test.each(['esm', 'cjs'])('the core of the %s build imports no package of another transport', async (build) => {
    const imports = await importsOf(join(project.directory, 'node_modules/nestjs-floodgate/dist', build, 'index'));
    // yaml is imported by who gives a policy store a file of it.
    expect([...imports].sort()).toEqual(['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs', 'yaml']);
  });
});

/** Packages that every file of an entry point imports, of its code and of its declarations, as far as its files reach. */
async function importsOf(entry: string): Promise<ReadonlySet<string>> {
  const packages = new Set<string>();
  for (const kind of ['.js', '.d.ts']) {
    const seen = new Set<string>();
    const read = async (file: string): Promise<void> => {
      if (seen.has(file)) return;
      seen.add(file);
      const source = await readFile(file, 'utf8');
      for (const [, name = ''] of source.matchAll(/\b(?:from|import|require)[\s(]*["']([\w@./:-]+)["']/g)) {
        if (name.startsWith('.')) await read(join(dirname(file), name.replace(/\.js$/, kind)));
        else if (!name.startsWith('node:')) packages.add(/^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
      }
    };
    await read(entry + kind);
    expect(seen.size).toBeGreaterThan(50);
  }
  return packages;
}

describe.each([
  [
    'Nest 12, Terminus 12 and ioredis 6',
    {
      ...NEST_12.core,
      ...NEST_12.http,
      ...NEST_12.more,
      '@nestjs/terminus': '^12.0.0',
      ioredis: '^6.0.0',
    },
  ],
  [
    'Nest 11, Terminus 11 and ioredis 5',
    {
      ...NEST_11.core,
      ...NEST_11.http,
      ...NEST_11.more,
      '@nestjs/terminus': '^11.0.0',
      ioredis: '^5.0.0',
    },
  ],
])('on %s', (name, dependencies) => {
  const esmOnly = name.startsWith('Nest 12');
  let project: InstalledProject;

  beforeAll(async () => {
    project = await InstalledProject.create('full', tarball, {
      ...dependencies,
      ...OPTIONAL,
      '@types/node': '^20.0.0',
    });
  }, INSTALL_LIMIT_MS);

  afterAll(() => project[Symbol.asyncDispose]());

  test.each([
    ['import, one after another', 'mjs', `for (const entry of entries) await import(entry);`],
    ['parallel imports', 'mjs', `await Promise.all([...entries, ...entries].map((entry) => import(entry)));`],
    ['parallel imports from CommonJS', 'cjs', `Promise.all([...entries, ...entries].map((entry) => import(entry)));`],
    ['require', 'cjs', `entries.forEach((entry) => require(entry));`],
  ] as const)('every entry point loads by %s', async (_, kind, source) => {
    await expect(project.script(kind, PRELUDE + source)).resolves.toEqual({ code: 0, output: '' });
  });

  test('the command line finds both drivers', async () => {
    for (const url of ['redis://127.0.0.1:1', 'postgres://127.0.0.1:1/x']) {
      const { code, output } = await run(project.directory, 'npx', '--no-install', 'floodgate', 'health', '--url', url);
      expect([code, output]).toEqual([2, expect.stringContaining('ECONNREFUSED')]);
    }
  });

  test('there is one copy, whether imported or required', async () => {
    const source = `${PRELUDE}
      import { createRequire } from 'node:module';
      const require = createRequire(import.meta.url);
      for (const entry of entries) {
        const [imported, required] = [await import(entry), require(entry)];
        for (const name of Object.keys(imported)) check(imported[name] === required[name], entry + ': ' + name);
        check(Object.keys(imported).length > 0, entry + ' is empty');
      }`;
    await expect(project.script('mjs', source)).resolves.toEqual({ code: 0, output: '' });
  });

  const resolutions = [
    ['node16 from ESM', 'module', { module: 'node16' }],
    ['nodenext from ESM', 'module', { module: 'nodenext' }],
    ['nodenext from CommonJS', 'commonjs', { module: 'nodenext' }],
    ['bundler', 'module', { module: 'esnext', moduleResolution: 'bundler' }],
    // These cannot import an ESM-only Nest.
    ['node16 from CommonJS', 'commonjs', { module: 'node16' }],
    ['node10', 'commonjs', { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' }],
  ] as const;

  test.each(esmOnly ? resolutions.slice(0, 4) : resolutions)('types hold under %s', async (_, type, options) => {
    await expect(project.typeCheck('surface.ts', type, options)).resolves.toBe('');
  });

  test('an application limits, on both platforms, in memory and on a real Redis, and tells of its health', async () => {
    await using redis = await RedisServer.start();
    const globals = { REDIS: { url: redis.url, pid: redis.pid } };
    const outcome = await project.jest('full-app.ts', esmOnly ? 'module' : 'commonjs', globals);
    expect(outcome).toMatchObject({ code: 0, output: expect.stringContaining('13 passed, 13 total') });
  });
});

function nest(range: string) {
  return {
    core: { '@nestjs/common': range, '@nestjs/core': range, 'reflect-metadata': '^0.2.0', rxjs: '^7.1.0' },
    http: { '@nestjs/platform-express': range, '@nestjs/testing': range },
    more: { '@nestjs/platform-fastify': range, '@nestjs/swagger': range },
  };
}
