import { Redis } from 'ioredis';
import type { Charge, Reply } from '../../../lib/contracts/backend.js';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { COUNTING_ALGORITHMS } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';
import { ReferenceLimiter } from '../reference-limiter.js';

const hourly = (name: string, more: Partial<Policy> = {}): Policy =>
  testPolicy({ name, algorithm: 'sliding-window', limit: 10, windowMs: 3_600_000, ...more });

const of = (key: string, policy: Policy, cost = 1): Charge => ({ key, policy, cost });

const asking = (...charges: readonly Charge[]) => ({ charges, timeoutMs: 5_000 });

describe('on a single server', () => {
  let server: RedisServer;
  let backend: ReturnType<typeof redisBackend>;
  beforeAll(async () => {
    server = await RedisServer.start();
    backend = redisBackend({ url: server.url });
  });
  beforeEach(() => server.exec('FLUSHALL'));
  afterAll(async () => {
    await backend.close();
    await server.stop();
  });

  const consume = (...charges: readonly Charge[]): Promise<Reply> =>
    Promise.resolve(backend.consume(asking(...charges)));
  const remaining = async (...charges: readonly Charge[]): Promise<number[]> =>
    (await backend.peek(asking(...charges))).policies.map((policy) => policy.remaining);

  it.each([
    ['one policy', ['user:1']],
    ['four policies', ['user:1', 'user:1', 'user:1', 'user:1']],
    ['four policies of two subjects', ['user:1', 'user:1', 'global', 'global']],
  ])('makes one call for each decision: %s', async (_what, keys) => {
    const charges = keys.map((key, index) => of(key, hourly(`p${index}`)));
    await consume(...charges);
    await server.resetStats();
    for (let call = 0; call < 20; call += 1) await consume(...charges);
    await backend.peek(asking(...charges));
    await backend.refund(asking(...charges));
    const { evalsha, eval: evals, ...others } = await server.commandStats();
    expect({ evalsha, evals }).toEqual({ evalsha: 22, evals: undefined });
    // TIME, GET and SETRANGE are the script's own; CONFIG is the fixture's.
    expect(Object.keys(others).sort()).toEqual(['config|resetstat', 'get', 'setrange', 'time']);
  });

  it('decides as the pure functions do at the times that its replies tell', async () => {
    let nowMs = 0;
    const reference = new ReferenceLimiter(() => nowMs);
    const policies = COUNTING_ALGORITHMS.map((algorithm) =>
      hourly(algorithm, { algorithm, limit: 7, burst: 7, windowMs: 30 }),
    );
    const charges = policies.map((policy) => of('user:1', policy));
    for (let call = 0; call < 200; call += 1) {
      const reply = await consume(...charges.slice(call % COUNTING_ALGORITHMS.length));
      nowMs = reply.nowMs;
      expect(reply).toEqual(reference.consume(asking(...charges.slice(call % COUNTING_ALGORITHMS.length))));
    }
  });

  it('gives every key an expiry, and leaves nothing of a call that charges nothing', async () => {
    const blocking = hourly('blocking', { limit: 1, blockForMs: 500 });
    await consume(of('charged', hourly('a')), of('charged too', hourly('b')));
    await consume(of('blocked', blocking), of('blocked', blocking, 0));
    await consume(of('blocked', blocking));
    await consume(of('free', hourly('a'), 0));
    await consume(of('refused', hourly('a'), 11), of('with it', hourly('a')));
    await backend.refund(asking(of('never seen', hourly('a'))));
    await backend.peek(asking(of('looked at', hourly('a'))));
    expect(await server.keys()).toEqual(['floodgate:{blocked}', 'floodgate:{charged too}', 'floodgate:{charged}']);
    expect(await server.keysWithoutExpiry()).toEqual([]);

    await backend.reset(asking(of('charged', hourly('a')), of('blocked', blocking)));
    await backend.refund(asking(of('charged too', hourly('b'))));
    expect(await server.keys()).toEqual([]);
  });

  it('goes on when the server forgets the script', async () => {
    await consume(of('k', hourly('a')));
    await server.exec('SCRIPT', 'FLUSH');
    await server.resetStats();
    expect((await consume(of('k', hourly('a')))).policies[0]).toMatchObject({ remaining: 8 });
    expect((await consume(of('k', hourly('a')))).policies[0]).toMatchObject({ remaining: 7 });
    expect(await server.commandStats()).toMatchObject({ evalsha: 2, eval: 1 });
  });

  it('keeps two thousand counters of one subject apart', async () => {
    const charges = Array.from({ length: 2_000 }, (_, index) => of('user:1', hourly(`p${index}`), index % 10));
    const expected = charges.map(({ cost }) => 10 - cost);
    expect((await consume(...charges)).policies.map((policy) => policy.remaining)).toEqual(expected);
    expect(await remaining(...charges)).toEqual(expected);
    await consume(of('user:1', hourly('p1999')));
    expect(await remaining(...charges.slice(1_997))).toEqual([3, 2, 0]);
  });

  it('forgets the counters that are over when others come', async () => {
    const size = async (): Promise<number> => Number(await server.exec('STRLEN', 'floodgate:{k}'));
    await consume(of('k', hourly('long')));
    const alone = await size();
    let calls = 0;
    await eventually(
      async () => {
        calls += 1;
        await consume(of('k', hourly(`short ${calls}`, { windowMs: 1 })));
        return (await size()) < alone * calls * 0.75;
      },
      { what: 'some of the short counters are gone' },
    );
    expect(await remaining(of('k', hourly('long')))).toEqual([9]);
  });

  it.each([
    ['with braces', 'a}b{c'],
    ['of braces only', '{}'],
    ['with an escape', '%7B'],
    ['that is empty', ''],
    ['that names a prototype', '__proto__'],
    ['of emoji', '🚀'.repeat(3)],
    ['of 10 kB', 'x'.repeat(10_000)],
    ['with a line break and a zero', 'new\r\nline\0'],
    ['that looks like more arguments', 'user:1} EX 1 {'],
    ['with half a character', '\ud800'],
  ])('takes a key %s as just a key', async (_what, key) => {
    await consume(of(key, hourly('a'), 3));
    expect(await remaining(of(key, hourly('a')), of(`${key}x`, hourly('a')), of('{', hourly('a')))).toEqual([
      7, 10, 10,
    ]);
    expect(await server.dbsize()).toBe(1);
  });

  it('counts under the prefix that it was given', async () => {
    const other = redisBackend({ url: server.url, keyPrefix: 'app:limits:' });
    await other.consume(asking(of('k', hourly('a'))));
    await consume(of('k', hourly('a'), 2));
    expect(await server.keys()).toEqual(['app:limits:{k}', 'floodgate:{k}']);
    await other.close();
  });

  it.each([
    ['a list', ['RPUSH', 'floodgate:{k}', 'x'], 'WRONGTYPE'],
    ['a word', ['SET', 'floodgate:{k}', 'hello'], 'CORRUPT'],
    ['a long text', ['SET', 'floodgate:{k}', 'x'.repeat(60)], 'CORRUPT'],
    ['an empty string', ['SET', 'floodgate:{k}', ''], 'CORRUPT'],
    ['a part of a value', ['SET', 'floodgate:{k}', '\u0003\u0000\u0000'], 'CORRUPT'],
    ['what begins like a value', ['SET', 'floodgate:{k}', `\u0003${'x'.repeat(60)}`], 'data string too short'],
  ])('throws where a key holds %s, and leaves it alone', async (_what, [command, ...args], message) => {
    await server.exec(command!, ...args);
    const before = await server.exec('DUMP', 'floodgate:{k}');
    for (const verb of ['consume', 'peek', 'refund', 'reset'] as const) {
      const error: unknown = await Promise.resolve(backend[verb](asking(of('k', hourly('a'))))).catch(
        (it: unknown) => it,
      );
      expect(error).toMatchObject({ name: 'ReplyError', message: expect.stringContaining(message) });
      expect(error).not.toBeInstanceOf(BackendUnavailableError);
    }
    expect(await server.exec('DUMP', 'floodgate:{k}')).toEqual(before);
  });

  it.each([0.5, -1, Number.NaN, 1e21])('throws at a cost of %d, and charges nothing', async (cost) => {
    await expect(Promise.resolve(consume(of('k', hourly('a'), cost)))).rejects.toThrow('user_script');
    expect(await server.keys()).toEqual([]);
  });

  it('pings without a trace', async () => {
    await backend.ping(AbortSignal.timeout(5_000));
    expect(await server.keys()).toEqual([]);
  });

  it('takes a client with a prefix, with numbers as strings, with pipelining of its own', async () => {
    const client = new Redis(server.url, { keyPrefix: 'mine:', stringNumbers: true, enableAutoPipelining: true });
    const theirs = redisBackend({ client });
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => theirs.consume(asking(of('k', hourly('a')), of('l', hourly('a'))))),
    );
    expect(replies.filter(({ allowed }) => allowed)).toHaveLength(10);
    expect(replies[0]!.policies[0]!.remaining).toBe(9);
    expect(await server.keys()).toEqual(['mine:floodgate:{k}', 'mine:floodgate:{l}']);
    await theirs.close();
    expect(client.status).toBe('ready');
    client.disconnect();
  });

  it('needs no more than its own commands and keys', async () => {
    await server.exec(
      'ACL',
      'SETUSER',
      'limiter',
      'on',
      '>secret',
      '~floodgate:*',
      '-@all',
      '+evalsha',
      '+eval',
      '+get',
      '+set',
      '+setrange',
      '+del',
      '+time',
    );
    const connection = { host: server.host, port: server.port, username: 'limiter', password: 'secret' };
    const limited = redisBackend({ connection });
    await server.exec('SCRIPT', 'FLUSH');
    await limited.consume(asking(of('k', hourly('a'))));
    await limited.reset(asking(of('k', hourly('a'))));
    await limited.ping(AbortSignal.timeout(5_000));
    await limited.close();

    const outside = redisBackend({ connection, keyPrefix: 'other:' });
    await expect(outside.consume(asking(of('k', hourly('a'))))).rejects.toThrow('NOPERM');
    await outside.close();
  });
});
