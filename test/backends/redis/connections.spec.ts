import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { BackendService, RateLimitEvents, RateLimitModule } from 'nestjs-floodgate';
import { failureReason } from '../../../lib/contracts/failure-reason.js';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { freePort } from '../../support/free-port.js';
import { RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

const policy = testPolicy({ algorithm: 'fixed-window', limit: 1_000_000, windowMs: 366 * 86_400_000 });

const call = (timeoutMs = 5_000) => ({ charges: [{ key: 'k', policy, cost: 1 }], timeoutMs });

/** The error by which a call fails; fails the test if it does not. */
async function failure(calling: unknown): Promise<BackendUnavailableError> {
  try {
    await calling;
  } catch (error) {
    expect(error).toBeInstanceOf(BackendUnavailableError);
    return error as BackendUnavailableError;
  }
  throw new Error('The call did not fail');
}

const HOUR_MS = 3_600_000;

describe('a connection of its own', () => {
  let server: RedisServer;
  beforeAll(async () => (server = await RedisServer.start()));
  afterAll(() => server.stop());

  it('is waited for by the first calls', async () => {
    const backend = redisBackend({ connection: { host: server.host, port: server.port } });
    const replies = await Promise.all([backend.consume(call()), backend.consume(call())]);
    expect(replies.map(({ allowed }) => allowed)).toEqual([true, true]);
    await backend.close();
  });

  it('is waited for no longer than the call may take, while a server does not answer', async () => {
    await using proxy = await TcpProxy.start({ target: server, mode: 'stall' });
    const backend = redisBackend({ url: proxy.url });
    const { cause } = await failure(backend.consume(call(50)));
    expect(cause).toMatchObject({ name: 'TimeoutError' });
    await failure(backend.ping(AbortSignal.timeout(50)));
    await proxy.setMode('pass');
    await backend.consume(call());
    await backend.close();
    await eventually(() => proxy.openConnections === 0);
  });

  it('that nobody accepts in time is an answer that came too late', async () => {
    await using proxy = await TcpProxy.start({ target: server, mode: 'stall' });
    const backend = redisBackend({ url: proxy.url });
    const app = await Test.createTestingModule({
      imports: [RateLimitModule.forRoot({ backend, timeout: 50 })],
    }).compile();
    const failures: unknown[] = [];
    app.get(RateLimitEvents).on((event) => {
      if (event.kind === 'backend-failure') failures.push(failureReason(event.error));
    });
    await failure(app.get(BackendService).consume('someone', '3/m'));
    await app.close();
    expect(failures).toEqual(['DEADLINE_EXCEEDED']);
  });

  it('need not be there at the start: calls fail at once, and pass when it is', async () => {
    await expectNoUnhandled(async () => {
      const port = await freePort();
      const backend = redisBackend({ url: `redis://127.0.0.1:${port}` });
      expect((await failure(backend.consume(call(HOUR_MS)))).cause).toMatchObject({ code: 'ECONNREFUSED' });
      for (let attempt = 0; attempt < 100; attempt += 1) await failure(backend.consume(call(HOUR_MS)));
      await failure(backend.ping(AbortSignal.timeout(HOUR_MS)));

      await using late = await RedisServer.start({ port });
      await eventually(() => backend.consume(call()), { what: 'the backend found its server' });
      expect(await late.dbsize()).toBe(1);
      await backend.close();
    });
  });

  it('fails what is under way and all that follows at once when the server dies, and recovers by itself', async () => {
    await expectNoUnhandled(async () => {
      await using mortal = await RedisServer.start();
      const backend = redisBackend({ url: mortal.url });
      await backend.consume(call());
      mortal.freeze();
      const underWay = Promise.all([1, 2, 3].map(() => failure(backend.consume(call(HOUR_MS)))));
      await mortal.kill();
      await underWay;
      await failure(backend.consume(call(HOUR_MS)));
      await mortal.restart();
      await eventually(() => backend.consume(call()), { what: 'the backend is back' });
      await backend.close();
    });
  });

  it('is given up and made anew when it is dead without saying so', async () => {
    await using proxy = await TcpProxy.start({ target: server });
    const backend = redisBackend({
      connection: { host: proxy.host, port: proxy.port, socketTimeout: 100 },
    });
    await backend.consume(call());
    await proxy.setMode('blackhole');
    expect((await failure(backend.consume(call()))).cause).toBeInstanceOf(Error);
    await proxy.setMode('pass');
    await eventually(() => backend.consume(call()), { what: 'the backend has a connection that works' });
    await backend.close();
    await eventually(() => proxy.openConnections === 0);
  });

  it('keeps to what a limiter needs, whatever the options say', async () => {
    const port = await freePort();
    const backend = redisBackend({
      connection: { port, enableOfflineQueue: true, maxRetriesPerRequest: null, lazyConnect: true },
    });
    await failure(backend.consume(call(HOUR_MS)));
    await failure(backend.consume(call(HOUR_MS)));
    await backend.close();
  });

  it('is closed with its pending answers, and within bounds when the server is frozen', async () => {
    await using frozen = await RedisServer.start();
    const backend = redisBackend({ url: frozen.url });
    const answer = Promise.resolve(backend.consume(call()));
    await answer;
    const pending = Promise.resolve(backend.consume(call()));
    await Promise.all([pending, backend.close()]);
    await failure(backend.consume(call()));

    const other = redisBackend({ url: frozen.url });
    await other.consume(call());
    frozen.freeze();
    const lost = failure(other.consume(call(HOUR_MS)));
    await other.close();
    await lost;
  });
});

describe('a server that refuses to serve is unavailable', () => {
  it('wrong password, or none', async () => {
    await using server = await RedisServer.start({ password: 'right' });
    for (const password of ['wrong', undefined]) {
      const backend = redisBackend({
        connection: { host: server.host, port: server.port, ...(password === undefined ? {} : { password }) },
      });
      await failure(backend.consume(call()));
      await failure(backend.ping(AbortSignal.timeout(5_000)));
      await backend.close();
    }
  });

  it('out of memory', async () => {
    await using server = await RedisServer.start({ args: ['--maxmemory', '1', '--maxmemory-policy', 'noeviction'] });
    const backend = redisBackend({ url: server.url });
    expect((await failure(backend.consume(call()))).cause).toMatchObject({ message: expect.stringMatching(/^OOM/) });
    await failure(backend.ping(AbortSignal.timeout(5_000)));
    await backend.close();
  });

  it('a replica', async () => {
    await using master = await RedisServer.start();
    await using replica = await RedisServer.start({ replicaOf: master });
    const backend = redisBackend({ url: replica.url });
    expect((await failure(backend.consume(call()))).cause).toMatchObject({
      message: expect.stringMatching(/^READONLY/),
    });
    await eventually(async () => (await failure(backend.ping(AbortSignal.timeout(5_000)))).cause instanceof Error);
    await backend.close();
  });

  it('too few replicas', async () => {
    await using server = await RedisServer.start({ args: ['--min-replicas-to-write', '1'] });
    const backend = redisBackend({ url: server.url });
    expect((await failure(backend.consume(call()))).cause).toMatchObject({
      message: expect.stringMatching(/^NOREPLICAS/),
    });
    await failure(backend.ping(AbortSignal.timeout(5_000)));
    await backend.close();
  });

  it('busy with a script, and back when that is killed', async () => {
    await using server = await RedisServer.start({ args: ['--busy-reply-threshold', '10'] });
    const backend = redisBackend({ url: server.url });
    await backend.consume(call());
    const other = new Redis(server.url);
    const endless = other.eval('while true do end', 0).catch((error: unknown) => error);
    const { cause } = await eventually(() => failure(backend.consume(call())), { what: 'the server says BUSY' });
    expect(cause).toMatchObject({ message: expect.stringMatching(/^BUSY/) });
    await server.exec('SCRIPT', 'KILL');
    expect(await endless).toBeInstanceOf(Error);
    other.disconnect();
    expect(await backend.consume(call())).toMatchObject({ allowed: true });
    await backend.close();
  });

  it('no room for another client', async () => {
    await using server = await RedisServer.start({ args: ['--maxclients', '2'] });
    await server.exec('PING');
    const other = new Redis(server.url);
    await other.ping();
    const backend = redisBackend({ url: server.url });
    await failure(backend.consume(call()));
    other.disconnect();
    await eventually(() => backend.consume(call()), { what: 'there is room' });
    await backend.close();
  });
});

describe("an application's own client", () => {
  it('is refused at once while it has no connection, and its queue stays empty', async () => {
    await expectNoUnhandled(async () => {
      await using mortal = await RedisServer.start();
      const client = new Redis(mortal.url, { retryStrategy: () => 20 });
      client.on('error', () => undefined);
      const backend = redisBackend({ client });
      await backend.consume(call());
      await mortal.kill();
      await eventually(() => client.status === 'reconnecting');
      const written = await Promise.all(Array.from({ length: 200 }, () => failure(backend.consume(call(HOUR_MS)))));
      expect(written).toHaveLength(200);
      expect((client as unknown as { offlineQueue: { length: number } }).offlineQueue.length).toBe(0);
      expect(backend.isConnected?.()).toBe(false);

      await mortal.restart();
      await eventually(() => backend.consume(call()), { what: 'the client is back' });
      expect(backend.isConnected?.()).toBe(true);
      expect(client.listenerCount('ready') + client.listenerCount('close') + client.listenerCount('end')).toBe(0);
      client.disconnect();
    });
  });

  it('may connect lazily', async () => {
    await using server = await RedisServer.start();
    const client = new Redis(server.url, { lazyConnect: true });
    const backend = redisBackend({ client });
    expect(client.status).toBe('wait');
    expect(backend.isConnected?.()).toBe(true);
    await Promise.all([backend.consume(call()), backend.consume(call())]);
    await backend.close();
    expect(client.status).toBe('ready');
    client.disconnect();
  });

  it('may have been closed', async () => {
    await using server = await RedisServer.start();
    const client = new Redis(server.url);
    const backend = redisBackend({ client });
    await backend.consume(call());
    await client.quit();
    await failure(backend.consume(call(HOUR_MS)));
    await failure(backend.ping(AbortSignal.timeout(HOUR_MS)));
  });
});
