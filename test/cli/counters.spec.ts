import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend } from 'nestjs-floodgate';
import { postgresBackend } from 'nestjs-floodgate/postgres';
import { redisBackend } from 'nestjs-floodgate/redis';
import type { TopReport } from '../../lib/integrations/cli/top.command.js';
import { eventually } from '../support/eventually.js';
import { PostgresServer } from '../support/postgres-server.js';
import { RedisServer } from '../support/redis-server.js';
import { floodgate, floodgateJson, floodgateUntil } from './command-line.js';
import { counting } from './counting.js';

type Counters = TopReport['counters'];

const NAMED = ['login=5/15m', 'api=100/m', 'reports=10/h,fixed-window', 'tokens=10/m,token-bucket,burst=20'].flatMap(
  (text) => ['--policy', text],
);

/** Characters that a terminal obeys. */
const OBEYED = /[\p{Cc}\p{Cf}]/u;

const times = async (count: number, call: () => Promise<unknown>): Promise<void> => {
  for (let index = 0; index < count; index += 1) await call();
};

interface Store extends AsyncDisposable {
  readonly url: string;
  readonly flags: readonly string[];
  backend(): Backend;
}

const STORES: readonly (readonly [name: string, start: () => Promise<Store>])[] = [
  [
    'Redis',
    async () => {
      const server = await RedisServer.start();
      return {
        url: server.url,
        flags: ['--url', server.url, '--key-prefix', 'own:[*]:'],
        backend: () => redisBackend({ url: server.url, keyPrefix: 'own:[*]:' }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const server = await PostgresServer.start();
      return {
        url: server.url,
        flags: ['--url', server.url, '--schema', 'limits', '--table', 'own'],
        backend: () => postgresBackend({ connectionString: server.url, schema: 'limits', table: 'own' }),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  ],
];

describe.each(STORES)('the command line on %s', (name, start) => {
  let store: Store;

  beforeAll(async () => {
    store = await start();
    await counting(store.backend(), async (service) => {
      await times(3, () => service.consume('user:42', ['login', 'api', 'reports', 'tokens', 'transfers']));
      await times(5, () => service.consume('ip:192.0.2.1', 'login'));
      await times(2, () => service.consume('user:blocked', 'once'));
      await service.consume('user:7', { name: 'inline', rate: '50/h' }, { cost: 20 });
      await service.consume('evil\u001b[2J\u009b31m\u202e{%}é', '100/m');
    });
  });

  afterAll(() => store[Symbol.asyncDispose]());

  it('lists the most used counters first', async () => {
    const { counters, ...rest } = await floodgateJson<TopReport>('top', '--once', ...store.flags, ...NAMED);
    expect(rest).toMatchObject({ scanned: 5, complete: true });
    expect(Math.abs(rest.nowMs - Date.now())).toBeLessThan(60_000);
    expect(counters.slice(0, 2).map(({ key, policy, blocked }) => [key, policy, blocked])).toEqual([
      ['user:blocked', null, true],
      ['ip:192.0.2.1', 'login', false],
    ]);
    expect(counters[1]).toMatchObject({ used: 5, limit: 5, remaining: 0, windowMs: 900_000 });
    expect(counters).toHaveLength(9);
    const shares = counters.filter(({ remaining }) => remaining !== null).map(({ used, limit }) => used / limit!);
    expect(shares.slice(1)).toEqual(shares.slice(1).toSorted((one, other) => other - one));
  });

  it('lists as many as are asked for, and looks at as many', async () => {
    const some = await floodgateJson<TopReport>('top', ...store.flags, '--count', '2');
    expect(some.counters).toHaveLength(2);
    if (name === 'PostgreSQL') {
      const part = await floodgateJson<TopReport>('top', ...store.flags, '--scan', '3');
      expect(part).toMatchObject({ scanned: 3, complete: false });
    }
  });

  it('prints a table without what a terminal would obey', async () => {
    const { code, text } = await floodgate('top', '--once', ...store.flags, ...NAMED);
    expect(code).toBe(0);
    expect(text).toContain('evil\\x1b[2J\\x9b31m\\u{202e}{%}é');
    expect(text.replaceAll('\n', '')).not.toMatch(OBEYED);
    const { text: json } = await floodgate('top', '--json', ...store.flags);
    expect(json.replaceAll('\n', '')).not.toMatch(OBEYED);
    const keys = (JSON.parse(json) as TopReport).counters.map(({ key }) => key);
    expect(keys).toContain('evil\u001b[2J\u009b31m\u202e{%}é');
  });

  it('shows each counter of a key, by each algorithm', async () => {
    const { counters } = await floodgateJson<{ counters: Counters }>('inspect', 'user:42', ...store.flags, ...NAMED);
    const shown = counters.map(({ policy, algorithm, windowMs, used, limit, remaining }) => [
      policy,
      algorithm,
      windowMs,
      used,
      limit,
      remaining,
    ]);
    expect(shown).toEqual([
      ['login', 'sliding-window', 900_000, 3, 5, 2],
      ['api', 'sliding-window', 60_000, 3, 100, 97],
      ['reports', 'fixed-window', 3_600_000, 3, 10, 7],
      ['tokens', 'token-bucket', 60_000, 3, 10, 17],
      [null, 'sliding-log', 3_600_000, 3, null, null],
    ]);
    expect(counters.every(({ resetAfterMs }) => resetAfterMs > 0 && resetAfterMs <= 7_200_000)).toBe(true);
  });

  it('leaves out a counter that is over, beside one that is not', async () => {
    await counting(store.backend(), (service) => service.consume('user:brief', ['login', { rate: '9/20ms' }]));
    const left = async (): Promise<unknown> =>
      (await floodgateJson<{ counters: Counters }>('inspect', 'user:brief', ...store.flags)).counters;
    await eventually(async () => ((await left()) as Counters).length === 1, { what: 'the short window is over' });
    expect(await left()).toMatchObject([{ windowMs: 900_000, used: 1 }]);
    await floodgate('reset', 'user:brief', ...store.flags);
  });

  it('knows what a policy is called that was given to BackendService, and a rate', async () => {
    const of = async (key: string, policy: string): Promise<unknown> => {
      const { counters } = await floodgateJson<{ counters: Counters }>(
        'inspect',
        key,
        ...store.flags,
        '--policy',
        policy,
      );
      return counters.map((one) => [one.policy, one.remaining]);
    };
    expect(await of('user:7', 'inline=50/h')).toEqual([['inline', 30]]);
    expect(await of('evil\u001b[2J\u009b31m\u202e{%}é', '100/m')).toEqual([['100/m', 99]]);
  });

  it('knows the policies of a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'floodgate-policies-'));
    try {
      const path = join(folder, 'limits.yaml');
      await writeFile(
        path,
        'policies:\n  login: 5/15m\n  tokens: { rate: 10/m, algorithm: token-bucket, burst: 20 }\n',
      );
      const { text } = await floodgate('inspect', 'user:42', ...store.flags, '--policies', path);
      expect(text).toMatch(/^user:42 +login +3 +5 +2 +15 m/m);
      expect(text).toContain('Name yours');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('resets one policy of a key, whatever its algorithm, and then all', async () => {
    await counting(store.backend(), async (service) => {
      await times(2, () => service.consume('user:gone', ['login', 'tokens', 'once']));
      expect(await service.peek('user:gone', 'once')).toMatchObject({ allowed: true });
      expect((await service.consume('user:gone', 'once')).allowed).toBe(false);
      const one = await floodgateJson<{ removed: Counters }>('reset', 'user:gone', 'tokens', ...store.flags);
      expect(one.removed.map(({ policy, used }) => [policy, used])).toEqual([['tokens', 1]]);
      expect((await service.peek('user:gone', 'tokens')).policies[0]).toMatchObject({ remaining: 20 });
      expect((await service.peek('user:gone', 'login')).policies[0]).toMatchObject({ remaining: 4 });
      expect(await floodgate('reset', 'user:gone', ...store.flags)).toEqual({
        code: 0,
        text: expect.stringMatching(
          name === 'Redis'
            ? /^user:gone: 2 counters removed\.\n.* up to a minute.*\n$/
            : /^user:gone: 2 counters removed\.\n$/,
        ),
        errors: '',
      });
      expect((await service.consume('user:gone', ['login', 'once'])).allowed).toBe(true);
      await service.reset('user:gone', ['login', 'once']);
    });
    for (const words of [
      ['inspect', 'user:gone'],
      ['reset', 'user:gone'],
      ['reset', 'user:42', 'nobody'],
    ]) {
      const { code, text, errors } = await floodgate(...words, ...store.flags);
      expect([code, text]).toEqual([1, '']);
      expect(errors).toContain(`Nothing is counted for ${words[1]}`);
      const json = await floodgate(...words, ...store.flags, '--json');
      const list = words[0] === 'inspect' ? { counters: [] } : { removed: [] };
      expect([json.code, JSON.parse(json.text), json.errors]).toEqual([1, { key: words[1], ...list }, '']);
    }
  });

  it('tells that the store can decide', async () => {
    const { code, text } = await floodgate('health', ...store.flags);
    expect([code, text]).toEqual([0, expect.stringMatching(/^(redis|postgres) at \S+ can decide \(.* ms\)\.\n$/)]);
    expect(await floodgateJson('health', ...store.flags)).toMatchObject({ healthy: true });
  });

  it('draws the table anew until it is ended', async () => {
    const ended = new AbortController();
    let drawn = 0;
    const onWrite = (): void => {
      drawn += 1;
      if (drawn === 3) ended.abort();
    };
    const { code, text } = await floodgateUntil(ended.signal, onWrite, 'top', ...store.flags, '--interval', '10ms');
    expect([code, drawn]).toEqual([0, 3]);
    expect(text.split('\x1b[H\x1b[2J')).toHaveLength(4);
  });
});

describe('the command line', () => {
  it('finds nothing in an empty store, and says how', async () => {
    await using redis = await RedisServer.start();
    await redis.exec('SET', 'floodgate:{other}', 'x');
    await redis.exec('LPUSH', 'floodgate:{list}', 'x');
    const { code, text } = await floodgate('top', '--url', redis.url);
    expect([code, text]).toEqual([1, 'No key is counted (2 keys looked at).\n']);
  });

  it('needs no more than SCAN, GET and TIME to look at a store, and never KEYS', async () => {
    await using redis = await RedisServer.start();
    await counting(redisBackend({ url: redis.url }), (service) => service.consume('user:1', 'api'));
    await redis.exec(
      'ACL',
      'SETUSER',
      'looker',
      'on',
      '>pw',
      '~floodgate:*',
      '+scan',
      '+get',
      '+time',
      '+info',
      '+client',
    );
    const url = redis.url.replace('redis://', 'redis://looker:pw@');
    expect((await floodgate('top', '--url', url)).text).toContain('user:1');
    expect((await floodgate('inspect', 'user:1', '--url', url)).code).toBe(0);
    const { code, errors } = await floodgate('health', '--url', url);
    expect([code, errors]).toEqual([1, expect.stringContaining('cannot decide')]);
  });

  it('is told a server that cannot decide from one that is not there', async () => {
    const gone = await RedisServer.start();
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    await using replica = await RedisServer.start({ replicaOf: { port: 1 }, waitFor: 'answering' });
    const stuck = await floodgate('health', '--url', replica.url);
    expect([stuck.code, stuck.text, stuck.errors]).toEqual([1, '', expect.stringContaining('cannot decide')]);
    for (const words of [['health'], ['top'], ['inspect', 'user:1'], ['reset', 'user:1']]) {
      const { code, errors } = await floodgate(...words, '--url', url);
      expect([code, errors]).toEqual([
        2,
        expect.stringMatching(/^redis at 127\.0\.0\.1:\d+ cannot be reached: .*ECONNREFUSED/),
      ]);
    }
    const json = await floodgateJson('health', '--url', url);
    expect(json).toMatchObject({ healthy: false, error: expect.stringContaining('cannot be reached') });
  });

  it('never prints a password', async () => {
    const ends = await Promise.all([
      floodgate('health', '--url', 'redis://ann:s3cret@127.0.0.1:1'),
      floodgate('health', '--url', 'postgres://ann:s3cret@127.0.0.1:1/x'),
      floodgate('health', '--url', 'postgres://ann:s3cret@[nowhere/x'),
      floodgate('health', '--url', 'mysql://ann:s3cret@127.0.0.1:1'),
    ]);
    expect(ends.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
    expect(ends.map(({ text, errors }) => text + errors).join()).not.toContain('s3cret');
  });

  it.each([
    [['top'], 'Say where the counters are'],
    [['top', '--url', 'http://localhost'], 'give redis://, rediss:// or postgres://'],
    [['top', '--url', 'redis://localhost:1', '--count', '0'], 'Give a whole number of at least 1.'],
    [['top', '--url', 'redis://localhost:1', '--interval', 'soon'], "Give a time such as '500ms'"],
    [['inspect'], "missing required argument 'key'"],
    [['inspect', '', '--url', 'redis://localhost:1'], 'A key is a text that is not empty'],
    [['simulate', 'x.log'], "simulate needs a policy: --policy '100/m'"],
    [['simulate', 'x.log', '--policy', '100/m', '--key', 'body:x'], 'a log tells ip, user'],
    [['simulate', '/nowhere/x.log', '--policy', '100/m'], 'There is no file /nowhere/x.log'],
    [['simulate', '.', '--policy', '100/m'], '. cannot be read: EISDIR'],
    [['simulate', 'x.log', '--policy', 'lots'], "'100/m', '5/15m', '10/250ms'"],
    [['simulate', 'x.log', '--policy', '100/m,tokenbucket'], "'tokenbucket' is no algorithm (sliding-window,"],
    [['simulate', 'x.log', '--policies', '/nowhere.json'], 'there is no such file'],
    [['simulate', 'x.log', '--policies', 'x.txt'], 'Give a file that ends in .json, .yaml or .yml.'],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['top', '--frob\u001b[2J'], "unknown option '--frob\\x1b[2J'"],
  ])('ends with 2 where it is used wrongly, and tells how to mend it: %j', async (words, expected) => {
    const { code, text, errors } = await floodgate(...words);
    expect([code, text]).toEqual([2, '']);
    expect(errors).toContain(expected);
  });

  it('helps, and tells its version', async () => {
    expect(await floodgate('--version')).toEqual({ code: 0, text: '1.2.3\n', errors: '' });
    const { code, text } = await floodgate('--help');
    expect([code, text]).toEqual([0, expect.stringContaining('simulate [options] <access-log...>')]);
  });
});
