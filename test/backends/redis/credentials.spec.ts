import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const policy = testPolicy({ algorithm: 'fixed-window', limit: 1_000, windowMs: 60_000 });
const call = (timeoutMs = 5_000) => ({ charges: [{ key: 'k', policy, cost: 1 }], timeoutMs });

describe('credentials that change', () => {
  let server: RedisServer;

  beforeEach(async () => {
    server = await RedisServer.start();
  });

  afterEach(() => server.stop());

  /** Changes the password of a user and cuts off whoever is logged in. */
  async function rotate(user: string, password: string): Promise<void> {
    await server.exec('ACL', 'SETUSER', user, 'reset', 'on', `>${password}`, '~*', '+@all');
    await server.exec('CLIENT', 'KILL', 'USER', user).catch(() => undefined);
  }

  it('are asked for each new connection', async () => {
    await expectNoUnhandled(async () => {
      let password = 'first';
      const asked: string[] = [];
      await rotate('app', password);
      const backend = redisBackend({
        url: `redis://${server.host}:${server.port}`,
        credentials: async () => {
          asked.push(password);
          return { username: 'app', password };
        },
      });
      expect(asked).toEqual([]);
      await backend.consume(call());
      expect(asked).toEqual(['first']);
      password = 'second';
      await rotate('app', password);
      await eventually(() => backend.consume(call()), { what: 'it is logged in again' });
      expect(asked.at(-1)).toBe('second');
      await backend.close();
    });
  });

  it('may come at once, without a name, and stand above those of the URL', async () => {
    await server.exec('CONFIG', 'SET', 'requirepass', 'right');
    const backend = redisBackend({
      url: `redis://someone:wrong@${server.host}:${server.port}`,
      credentials: () => ({ password: 'right' }),
    });
    expect(await backend.consume(call())).toMatchObject({ allowed: true });
    await backend.close();
    await server.exec('CONFIG', 'SET', 'requirepass', '');
  });

  it('that are wrong or cannot be had are an outage, which ends with the first that are right', async () => {
    await expectNoUnhandled(async () => {
      await rotate('app', 'right');
      const answers = [
        () => Promise.reject(new Error('no token')),
        () => {
          throw new Error('no token service');
        },
        () => ({ username: 'app', password: 'wrong' }),
      ];
      const backend = redisBackend({
        url: `redis://${server.host}:${server.port}`,
        credentials: () => (answers.shift() ?? (() => ({ username: 'app', password: 'right' })))(),
      });
      await expect(backend.consume(call())).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
      await eventually(() => backend.consume(call()), { what: 'it is logged in' });
      expect(answers).toEqual([]);
      await backend.close();
    });
  });

  it('that never come are asked for again, and closing does not wait for them', async () => {
    let asked = 0;
    const backend = redisBackend({
      connection: { host: server.host, port: server.port, connectTimeout: 50 },
      credentials: () => {
        asked += 1;
        return new Promise(() => undefined);
      },
    });
    await expect(backend.consume(call())).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await eventually(() => asked > 1, { what: 'they are asked for again' });
    await backend.close();
    expect(
      String(await server.exec('CLIENT', 'LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(1);
  });
});

describe('a URL and options together', () => {
  it('the options stand above the URL, which tells what they do not say', async () => {
    await using server = await RedisServer.start({ password: 'secret' });
    const backend = redisBackend({
      url: `redis://:secret@${server.host}:1/3`,
      connection: { port: server.port, connectionName: 'limiter' },
    });
    await backend.consume(call());
    const clients = String(await server.exec('CLIENT', 'LIST'));
    expect(clients).toMatch(/name=limiter .*db=3 /);
    await backend.close();
  });
});
