import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { eventually } from './eventually.js';
import { RedisServer } from './redis-server.js';

describe('RedisServer', () => {
  it('starts a server of its own that serves, and leaves nothing behind', async () => {
    const redis = await RedisServer.start();
    const pid = redis.pid;
    const directory = String(((await redis.exec('CONFIG', 'GET', 'dir')) as string[])[1]);

    const client = new Redis(redis.url);
    expect(await client.set('greeting', 'hello')).toBe('OK');
    client.disconnect();
    expect(await redis.exec('GET', 'greeting')).toBe('hello');
    expect(existsSync(directory)).toBe(true);

    await redis.stop();
    expect(redis.running).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(existsSync(directory)).toBe(false);
    await redis.stop();
  });

  it('is killed, refuses, and comes back empty on the same port', async () => {
    await using redis = await RedisServer.start();
    const { port, pid } = redis;
    await redis.exec('SET', 'key', 'value');

    await redis.kill();
    expect(redis.pid).toBe(-1);
    await expect(redis.exec('PING')).rejects.toThrow();

    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await redis.exec('GET', 'key')).toBeNull();
  });

  it('answers nothing while frozen, and catches up when thawed', async () => {
    await using redis = await RedisServer.start();
    redis.freeze();
    let answered = false;
    const answer = redis.exec('PING').finally(() => (answered = true));
    await expect(eventually(() => answered, { timeoutMs: 200 })).rejects.toThrow('in vain');

    redis.thaw();
    expect(await answer).toBe('PONG');
  });

  it.each(['kill', 'stop', 'restart'] as const)('lets a frozen server go: %s', async (verb) => {
    await using redis = await RedisServer.start();
    const { pid } = redis;
    redis.freeze();
    await redis[verb]();
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });

  it('asks for its password', async () => {
    await using redis = await RedisServer.start({ password: 'p@ss/word' });
    expect(await redis.exec('PING')).toBe('PONG');

    const anonymous = new Redis(redis.port, { retryStrategy: () => null });
    anonymous.on('error', () => undefined);
    await expect(anonymous.get('key')).rejects.toThrow('NOAUTH');
    anonymous.disconnect();

    const named = new Redis(redis.url);
    expect(await named.ping()).toBe('PONG');
    named.disconnect();
  });

  it('replicates a master', async () => {
    await using master = await RedisServer.start({ password: 'secret' });
    await using replica = await RedisServer.start({ replicaOf: master, password: 'secret' });
    await master.exec('SET', 'key', 'value');
    await eventually(async () => (await replica.exec('GET', 'key')) === 'value');
    await expect(replica.exec('SET', 'key', 'other')).rejects.toThrow('READONLY');
  });

  it('hands over arguments', async () => {
    await using redis = await RedisServer.start({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
    expect(await redis.exec('CONFIG', 'GET', 'maxmemory')).toEqual(['maxmemory', String(3 * 1024 ** 2)]);
  });

  it('does not wait for the data of a server that is wanted while it loads them', async () => {
    await using redis = await RedisServer.start({
      args: ['--key-load-delay', '500', '--loading-process-events-interval-bytes', '1024'],
      config: ['enable-debug-command yes'],
    });
    await redis.exec('DEBUG', 'POPULATE', 1_000);
    await redis.exec('SAVE');
    await redis.restart({ waitFor: 'answering' });
    await expect(redis.exec('GET', 'key')).rejects.toThrow('LOADING');
    await redis.waitReady();
    expect(await redis.dbsize()).toBe(1_000);
  });

  it('counts the calls of each command', async () => {
    await using redis = await RedisServer.start();
    await redis.resetStats();
    await redis.exec('EVAL', 'return 1', 0);
    await redis.exec('EVAL', 'return 1', 0);
    expect(await redis.commandStats()).toMatchObject({ eval: 2 });
    expect(await redis.commandStats()).not.toHaveProperty('evalsha');
  });

  it('finds the keys that never expire, among many', async () => {
    await using redis = await RedisServer.start();
    const names = Array.from({ length: 2_500 }, (_, index) => `mortal:${index}`);
    await Promise.all(names.map((name) => redis.exec('SET', name, 1, 'EX', 60)));
    expect(await redis.keysWithoutExpiry()).toEqual([]);

    await redis.exec('SET', 'immortal', 1);
    expect(await redis.keysWithoutExpiry()).toEqual(['immortal']);
    expect(await redis.dbsize()).toBe(2_501);
    expect(await redis.keys()).toHaveLength(2_501);
  });

  it('shows the log of a server that does not start', async () => {
    await expect(RedisServer.start({ args: ['--maxmemory', 'plenty'] })).rejects.toThrow(
      /ended at its start:[^]*argument must be a memory value/,
    );
  });

  it('does not take another server on the port that was asked for as its own', async () => {
    await using redis = await RedisServer.start();
    await expect(RedisServer.start({ port: redis.port })).rejects.toThrow('Address already in use');
    expect(await redis.exec('PING')).toBe('PONG');
  });

  it('says in one line what to install when there is no binary', async () => {
    const before = process.env['REDIS_SERVER_BIN'];
    process.env['REDIS_SERVER_BIN'] = '/nowhere/redis-server';
    try {
      await expect(RedisServer.start()).rejects.toThrow(
        /^redis-server was not found: install it .*REDIS_SERVER_BIN\.$/,
      );
    } finally {
      if (before === undefined) delete process.env['REDIS_SERVER_BIN'];
      else process.env['REDIS_SERVER_BIN'] = before;
    }
  });
});
