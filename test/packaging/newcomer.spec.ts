import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { blocksOf, typescriptOf } from '../docs/markdown.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { RedisServer } from '../support/redis-server.js';
import { mustRun } from './command.js';
import { packed, temporary } from './installed-project.js';

const NEST = join(process.cwd(), 'node_modules/@nestjs/cli/bin/nest.js');
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];

/** The commands that the README has a newcomer type. */
const COMMANDS = blocksOf('README.md').filter(({ language }) => language === 'sh');

/** The block of the README whose first line begins so. */
const blockOf = (start: string): string =>
  typescriptOf('README.md').find(({ text }) => text.startsWith(`// ${start}`))!.text;

/** Runs an application until the test is over. */
async function started(cwd: string, env: Readonly<Record<string, string>>): Promise<{ url: string } & AsyncDisposable> {
  const port = String(await freePort());
  await mustRun(cwd, 'npm', 'run', 'build');
  const child = spawn(process.execPath, ['dist/main.js'], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: '', PORT: port, ...env },
    stdio: 'ignore',
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await eventually(async () => (await fetch(`${url}/none`)).status === 404, {
      what: 'it answers',
      timeoutMs: 30_000,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

async function statuses(url: string, calls: number): Promise<number[]> {
  const found: number[] = [];
  for (let call = 0; call < calls; call += 1) found.push((await fetch(url)).status);
  return found;
}

test('the README leads from an empty folder to an application that is limited, observed, and survives an outage', async () => {
  const startedMs = performance.now();
  const laps: string[] = [];
  const lap = (step: string): void =>
    void laps.push(`${step}: ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`);
  const folder = await temporary('newcomer');
  const tarball = await packed(await temporary('newcomer-tarball'));
  const project = join(folder, 'cats');
  const write = (file: string, text: string): Promise<void> => writeFile(join(project, 'src', file), text);
  try {
    expect(await readFile('README.md', 'utf8')).toContain('npx @nestjs/cli new cats');
    await mustRun(folder, process.execPath, NEST, 'new', 'cats', '--skip-git', '--skip-install', '-p', 'npm');
    await rm(join(project, 'src/app.controller.spec.ts'), { force: true });

    expect(COMMANDS.map(({ text }) => text.trim())).toContain('npm install nestjs-floodgate');
    await mustRun(project, 'npm', 'install', tarball, ...QUIET);
    lap('installed');
    await write('cats.controller.ts', blockOf('cats.controller.ts'));
    await write('app.module.ts', blockOf('app.module.ts\n'));
    {
      await using app = await started(project, {});
      expect(await statuses(`${app.url}/cats`, 4)).toEqual([200, 200, 200, 429]);
    }
    lap('limited');

    expect(COMMANDS.map(({ text }) => text.trim())).toContain('npm install ioredis');
    await mustRun(project, 'npm', 'install', 'ioredis', ...QUIET);
    await write('app.module.ts', blockOf('app.module.ts, with Redis and the live page'));
    await using redis = await RedisServer.start();
    await using app = await started(project, { REDIS_URL: redis.url });
    // No fourth call: a refusal of Redis would hold in the outage, too, until its time is over.
    expect(await statuses(`${app.url}/cats`, 3)).toEqual([200, 200, 200]);
    expect(await redis.exec('DBSIZE')).not.toBe(0);
    expect((await fetch(`${app.url}/floodgate`)).status).toBe(200);
    const state = (await (await fetch(`${app.url}/floodgate/api/state`)).json()) as object;
    expect(JSON.stringify(state)).toContain('3/m');
    lap('observed');

    await redis.kill();
    // The process counts for itself, from nothing.
    expect(await statuses(`${app.url}/cats`, 4)).toEqual([200, 200, 200, 429]);
    lap('outage-proof');
    console.info(laps.join(', '));
  } finally {
    await rm(folder, { recursive: true, force: true });
    await rm(dirname(tarball), { recursive: true, force: true });
  }
});
