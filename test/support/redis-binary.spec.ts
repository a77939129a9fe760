import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const MODULE = resolve('test/support/redis-binary.js');
const SUDO = 'test "$1" = -n || exit 1; shift; exec "$@"';

/** A machine whose PATH is one directory. */
let bin: string;

beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'floodgate-path-'));
});

afterEach(() => rm(bin, { recursive: true, force: true }));

async function command(name: string, body: string): Promise<string> {
  const file = join(bin, name);
  await writeFile(file, `#!/bin/sh\n${body}\n`);
  await chmod(file, 0o755);
  return file;
}

/** Looks for it on that machine, and shows what it found. */
function setUp(given: Record<string, string> = {}) {
  const source = `import { redisServerBinary } from ${JSON.stringify(MODULE)};
    try { console.log(redisServerBinary()); } catch (error) { console.error(error.message); process.exit(1); }`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { PATH: bin, ...given },
    encoding: 'utf8',
  });
  return { status, found: stdout.trim(), said: stderr.trim() };
}

describe('the redis-server of the tests', () => {
  test('is the one that REDIS_SERVER_BIN names', async () => {
    await command('redis-server', 'exit 0');
    const mine = await command('my-redis', 'exit 0');
    expect(setUp({ REDIS_SERVER_BIN: mine })).toEqual({ status: 0, found: mine, said: '' });
  });

  test('is else the one on PATH', async () => {
    await command('redis-server', 'exit 0');
    expect(setUp()).toEqual({ status: 0, found: 'redis-server', said: '' });
  });

  test.each([
    ['apt-get', 'install'],
    ['apk', 'add'],
    ['dnf', 'install'],
    ['brew', 'install'],
  ])('is else installed by %s', async (manager, verb) => {
    await command('sudo', SUDO);
    const server = join(bin, 'redis-server');
    await command(manager, `test "$1" != ${verb} || { echo '#!/bin/sh' > ${server}; /bin/chmod +x ${server}; }`);
    const { status, found, said } = setUp();
    expect({ status, found }).toEqual({ status: 0, found: 'redis-server' });
    expect(said).toContain(`installing it with ${manager}`);
  });

  test('is asked for in one line where nothing can install it', () => {
    const { status, said } = setUp();
    expect(status).toBe(1);
    expect(said).toMatch(/^The tests need a redis-server.*install the package.*REDIS_SERVER_BIN.*$/);
  });

  test('is asked for in one line when the package manager fails', async () => {
    await command('sudo', SUDO);
    await command('apt-get', 'test "$1" = --version');
    const { status, said } = setUp();
    expect(status).toBe(1);
    expect(said.split('\n').at(-1)).toMatch(/^The tests need a redis-server/);
  });

  test('is not guessed where REDIS_SERVER_BIN is wrong', async () => {
    await command('redis-server', 'exit 0');
    const { status, said } = setUp({ REDIS_SERVER_BIN: '/nowhere/redis-server' });
    expect(status).toBe(1);
    expect(said).toContain("'/nowhere/redis-server', which does not run");
  });
});
