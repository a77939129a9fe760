import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { FaultyApp } from '../../faults/faulty-app.js';
import { eventually } from '../../support/eventually.js';
import { platforms } from '../../support/http-app.js';
import { RedisServer } from '../../support/redis-server.js';

const COMMANDS = ['evalsha', 'eval', 'get', 'set', 'setrange', 'del', 'time'];

const policy = testPolicy({ algorithm: 'fixed-window', limit: 10, windowMs: 60_000 });
const call = { charges: [{ key: 'k', policy, cost: 1 }], timeoutMs: 5_000 };

describe('a user who may not do all that the limiter does', () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start();
  });

  afterAll(() => server.stop());

  /** A URL of a user who may do the given things. */
  async function userWith(name: string, ...rules: readonly string[]): Promise<string> {
    await server.exec('ACL', 'SETUSER', name, 'reset', 'on', '>secret', '-@all', '+info', ...rules);
    return `redis://${name}:secret@${server.host}:${server.port}`;
  }

  const allowed = (without?: string): string[] => COMMANDS.filter((one) => one !== without).map((one) => `+${one}`);

  it('needs no more than the docs say', async () => {
    const backend = redisBackend({ url: await userWith('enough', '~floodgate:*', ...allowed()) });
    await backend.ping(AbortSignal.timeout(5_000));
    await expect(backend.consume(call)).resolves.toMatchObject({ allowed: true });
    await backend.close();
  });

  it('changes nothing by a ping', async () => {
    const backend = redisBackend({ url: server.url, keyPrefix: 'pinged:' });
    await backend.ping(AbortSignal.timeout(5_000));
    expect((await server.keys()).filter((key) => key.startsWith('pinged:'))).toEqual([]);
    await backend.close();
  });

  it.each(COMMANDS)('is told by a ping that `%s` is missing, and what to do', async (command) => {
    const backend = redisBackend({ url: await userWith(`no-${command}`, '~floodgate:*', ...allowed(command)) });
    await expect(backend.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
      message: expect.stringMatching(new RegExp(`may not run ${command}'.*ACL SETUSER <user> \\+${command} `)),
    });
    await backend.close();
  });

  it.each([
    ['another prefix', '~other:*'],
    ['no key at all', ''],
  ])('is told by a ping that keys are missing: %s', async (_what, keys) => {
    const rules = [...(keys === '' ? [] : [keys]), ...allowed()];
    const backend = redisBackend({ url: await userWith('keyless', ...rules) });
    const told = { code: 'RATE_LIMIT_CONFIGURATION', message: expect.stringContaining("limiter's keys") };
    await expect(backend.ping(AbortSignal.timeout(5_000))).rejects.toMatchObject(told);
    await expect(backend.consume(call)).rejects.toMatchObject(told);
    await backend.close();
  });

  it.each(platforms)(
    'is down on /health in every mode, told of at the start, and no outage, on %s',
    async (platform) => {
      for (const [index, failureMode] of (['closed', 'open', 'local'] as const).entries()) {
        const missing = ['evalsha', 'time', 'set'][index]!;
        const name = `${missing}-${platform}`;
        await using app = await FaultyApp.start(platform, name, {
          backend: redisBackend({ url: await userWith(name, '~floodgate:*', ...allowed(missing)), name }),
          failureMode,
        });
        const told = new RegExp(`^error Backend '${name}' cannot decide: .*may not run ${missing}`);
        await eventually(() => app.lines().some((line) => told.test(line)), { what: 'the log tells of it' });
        const [status, word, body] = await app.healthDetails();
        expect([status, word]).toEqual([503, 'error']);
        expect(body).toContain(`may not run ${missing}`);
        expect(body).not.toContain(String(server.port));
        const answers = await app.askTimes(10, 'someone');
        expect(answers.filter((one) => one.status !== 500).length).toBeLessThanOrEqual(missing === 'setrange' ? 1 : 0);
        expect(app.circuit).toBe('closed');
        expect(app.count('backend-failure')).toBe(0);
      }
    },
  );
});
