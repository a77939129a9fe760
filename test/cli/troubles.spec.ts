import { jest } from '@jest/globals';
import { redisBackend } from 'nestjs-floodgate/redis';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import { RunningClock } from '../support/running-clock.js';
import { floodgate } from './command-line.js';
import { counting } from './counting.js';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis[Symbol.asyncDispose]());

/** The URL of a user who may run these commands alone. */
async function urlOfUser(name: string, ...commands: readonly string[]): Promise<string> {
  const allowed = commands.map((command) => `+${command}`);
  await redis.exec('ACL', 'SETUSER', name, 'reset', 'on', '>pw', '~floodgate:*', '-@all', ...allowed);
  return redis.url.replace('redis://', `redis://${name}:pw@`);
}

/** What a command line ended with, and what was printed past its output. */
async function withConsole(...words: readonly string[]) {
  const spies = (['log', 'warn', 'error'] as const).map((name) =>
    jest.spyOn(console, name).mockImplementation(() => undefined),
  );
  try {
    const ended = await floodgate(...words);
    return { ...ended, console: spies.flatMap((spy) => spy.mock.calls.flat()) };
  } finally {
    spies.forEach((spy) => spy.mockRestore());
  }
}

describe('a server that is frozen', () => {
  const startedServers = [
    ['Redis', () => RedisServer.start()],
    ['PostgreSQL', () => PostgresServer.start()],
  ] as const;

  it.each(startedServers)('%s: each command ends within its --timeout', async (_, start) => {
    await using server = await start();
    server.freeze();
    for (const words of [['health'], ['top', '--once'], ['inspect', 'user:1'], ['reset', 'user:1']]) {
      using clock = new RunningClock();
      const { code, errors } = await floodgate(...words, '--url', server.url, '--timeout', '300ms');
      expect(clock.now()).toBeLessThan(2_000);
      expect([code, errors]).toEqual([2, expect.stringContaining('cannot be reached')]);
    }
    server.thaw();
  });
});

describe('a user of Redis who lacks a permission', () => {
  it('health names a command that is missing, and ends with 1', async () => {
    const url = await urlOfUser('timeless', 'evalsha', 'eval', 'get', 'set', 'setrange', 'del');
    const { code, errors, console } = await withConsole('health', '--url', url);
    expect([code, errors]).toEqual([1, expect.stringMatching(/^redis at \S+ cannot decide: .*\+time/)]);
    expect(console).toEqual([]);
  });

  it.each([
    ['top', ['get', 'time']],
    ['inspect', ['scan', 'time']],
    ['inspect', ['scan', 'get']],
  ] as const)('%s with %j alone ends with 2, and tells what to grant', async (command, allowed) => {
    const url = await urlOfUser('half', ...allowed);
    await redis.exec('SET', 'floodgate:{user:1}', 'x');
    const key = command === 'top' ? [] : ['user:1'];
    const { code, errors, console } = await withConsole(command, ...key, '--url', url);
    expect([code, errors]).toEqual([2, expect.stringMatching(/NOPERM.*ACL SETUSER \S+ .*\+scan \+get \+time/)]);
    expect(console).toEqual([]);
  });

  it('reset, too', async () => {
    const url = await urlOfUser('reader', 'scan', 'get', 'time');
    await counting(redisBackend({ url: redis.url }), (service) => service.consume('user:2', '5/m'));
    const { code, errors } = await withConsole('reset', 'user:2', '--url', url);
    expect([code, errors]).toEqual([2, expect.stringMatching(/NOPERM.*ACL SETUSER reader .* \+del for reset/)]);
  });
});
