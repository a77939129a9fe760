import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { RedisServer } from '../support/redis-server.js';

const START_LIMIT_MS = 30_000;

test('`npm start` ends with SIGTERM, and so does the sample, with its port and its connections', async () => {
  await using redis = await RedisServer.start();
  const port = String(await freePort());
  const env = { ...process.env, NODE_OPTIONS: '', PORT: port, REDIS_URL: redis.url };
  // Without its prestart: the sample is built already.
  const npm = spawn('npm', ['start', '--ignore-scripts'], { env, stdio: 'ignore', detached: true });
  using _group = { [Symbol.dispose]: () => killGroup(npm.pid) };
  const ended = once(npm, 'exit');
  const answers = async (): Promise<boolean> => (await fetch(`http://127.0.0.1:${port}/health`)).ok;
  await eventually(answers, { what: 'the sample answers', timeoutMs: START_LIMIT_MS });

  npm.kill('SIGTERM');
  await ended;
  await expect(answers()).rejects.toThrow();
  // One is the test's own.
  await eventually(async () => /^connected_clients:1\r?$/m.test(String(await redis.exec('INFO', 'clients'))), {
    what: "the sample's connection is closed",
  });
});

describe('the sample says in one line why it does not start, and ends with 1:', () => {
  const start = (environment: Readonly<Record<string, string>>) => {
    const { status, stderr } = spawnSync(process.execPath, ['sample-app/dist/main.js'], {
      env: { ...process.env, NODE_OPTIONS: '', PORT: '', TILLS_PORT: '', ...environment },
      encoding: 'utf8',
      timeout: START_LIMIT_MS,
    });
    return { status, lines: stderr.trimEnd().split('\n') };
  };

  it.each([
    [{ PORT: 'abc' }, "PORT is 'abc'. Give a port from 1 to 65535: PORT=3100 npm start"],
    [{ PORT: '70000' }, "PORT is '70000'. Give a port from 1 to 65535: PORT=3100 npm start"],
    [{ TILLS_PORT: '1.5' }, "TILLS_PORT is '1.5'. Give a port from 1 to 65535: TILLS_PORT=4100 npm start"],
  ])('%j', (environment, line) => {
    expect(start(environment)).toEqual({ status: 1, lines: [line] });
  });

  it.each(['PORT', 'TILLS_PORT'])('%s is taken', async (name) => {
    const server = createServer().listen(0, name === 'PORT' ? undefined : '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const free = String(await freePort());
    const { status, lines } = start({ PORT: free, TILLS_PORT: String(await freePort()), [name]: String(port) });
    server.close();
    const another = name === 'PORT' ? 3100 : 4100;
    expect({ status, lines }).toEqual({
      status: 1,
      lines: [`Port ${port} is taken. Choose another one: ${name}=${another} npm start`],
    });
  });
});

/** Whatever of it a failed test has left. */
function killGroup(leader = 0): void {
  try {
    if (leader > 0) process.kill(-leader, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}
