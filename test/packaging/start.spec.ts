import { spawn } from 'node:child_process';
import { once } from 'node:events';
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
}, 60_000);

/** Whatever of it a failed test has left. */
function killGroup(leader = 0): void {
  try {
    if (leader > 0) process.kill(-leader, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}
