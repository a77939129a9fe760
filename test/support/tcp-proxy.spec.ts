import { once } from 'node:events';
import { connect } from 'node:net';
import { Redis } from 'ioredis';
import { eventually } from './eventually.js';
import { RedisServer } from './redis-server.js';
import { TcpProxy, type ProxyMode } from './tcp-proxy.js';

let redis: RedisServer;
let proxy: TcpProxy;
const clients: Redis[] = [];

beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

beforeEach(async () => {
  proxy = await TcpProxy.start({ target: redis });
});
afterEach(async () => {
  clients.splice(0).forEach((client) => client.disconnect());
  await proxy.stop();
});

function client(): Redis {
  const made = new Redis(proxy.url, {
    retryStrategy: () => null,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
  });
  made.on('error', () => undefined);
  clients.push(made);
  return made;
}

/** Whether a promise is still open after a while. */
async function hangs(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const done = (): boolean => (settled = true);
  promise.then(done, done);
  return await eventually(() => settled, { timeoutMs: 150 }).then(
    () => false,
    () => true,
  );
}

describe('TcpProxy', () => {
  it('passes everything, and counts', async () => {
    const passing = client();
    const large = 'x'.repeat(5_000_000);
    await passing.set('large', large);
    expect(await passing.get('large')).toBe(large);
    expect(proxy.connections).toBe(1);
    expect(proxy.openConnections).toBe(1);
    expect(proxy.bytesFromClients).toBeGreaterThan(5_000_000);
    expect(proxy.bytesFromTarget).toBeGreaterThan(5_000_000);

    await passing.quit();
    await eventually(() => proxy.openConnections === 0);
  });

  it('delays bytes by its latency, each way, and keeps their order', async () => {
    const slow = client();
    await slow.ping();
    proxy.latencyMs = 50;
    const first = slow.echo('first');
    const received = proxy.bytesFromClients;
    await eventually(() => proxy.bytesFromClients > received, { intervalMs: 1 });
    expect(proxy.bytesUnderWay).toBeGreaterThan(0);
    proxy.latencyMs = 0;
    expect(await Promise.all([first, slow.echo('second')])).toEqual(['first', 'second']);
    expect(proxy.bytesUnderWay).toBe(0);

    proxy.latencyMs = 50;
    const before = performance.now();
    expect(await slow.ping()).toBe('PONG');
    expect(performance.now() - before).toBeGreaterThanOrEqual(100);
  });

  it('stalls: bytes wait, and arrive once it passes again', async () => {
    const before = client();
    await before.ping();
    await proxy.setMode('stall');
    const late = before.ping();
    const during = client().ping();
    expect(await hangs(late)).toBe(true);
    expect(await hangs(during)).toBe(true);
    expect(before.status).toBe('ready');

    await proxy.setMode('pass');
    expect(await late).toBe('PONG');
    expect(await during).toBe('PONG');
  });

  it('holds back answers that were on their way', async () => {
    const waiting = client();
    await waiting.ping();
    const popped = waiting.blpop('list', 0);
    await eventually(async () => String(await redis.exec('INFO', 'clients')).includes('blocked_clients:1'));
    await proxy.setMode('stall');
    await redis.exec('LPUSH', 'list', 'item');
    expect(await hangs(popped)).toBe(true);
    await proxy.setMode('pass');
    expect(await popped).toEqual(['list', 'item']);
  });

  it('is a black hole: bytes are lost for ever, connections stay open', async () => {
    const before = client();
    const idle = client();
    await Promise.all([before.ping(), idle.ping()]);
    const received = proxy.bytesFromTarget;
    await proxy.setMode('blackhole');
    const lost = before.set('lost', 1);
    const during = client().ping();
    expect(await hangs(lost)).toBe(true);
    expect(await hangs(during)).toBe(true);
    expect(before.status).toBe('ready');
    expect(proxy.bytesFromTarget).toBe(received);

    await proxy.setMode('pass');
    await expect(lost).rejects.toThrow();
    await expect(during).rejects.toThrow();
    expect(await redis.exec('EXISTS', 'lost')).toBe(0);
    expect(await idle.ping()).toBe('PONG');
    expect(await client().ping()).toBe('PONG');
  });

  it('resets connections, present and new', async () => {
    const before = client();
    await before.ping();
    const closed = new Promise<Error>((resolve) => before.once('error', resolve));
    await proxy.setMode('reset');
    expect(await closed).toMatchObject({ code: 'ECONNRESET' });
    await eventually(() => before.status === 'end');
    await expect(client().ping()).rejects.toThrow();
    expect(proxy.connections).toBe(2);

    await proxy.setMode('pass');
    expect(await client().ping()).toBe('PONG');
  });

  it('refuses new connections, and lets present ones go on', async () => {
    const before = client();
    await before.ping();
    await proxy.setMode('refuse');
    const refused = client();
    const error = new Promise<Error>((resolve) => refused.once('error', resolve));
    expect(await error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(await before.ping()).toBe('PONG');
    expect(proxy.connections).toBe(1);

    await proxy.setMode('pass');
    expect(await client().ping()).toBe('PONG');
  });

  it('can refuse from its start', async () => {
    await using closed = await TcpProxy.start({ target: redis, mode: 'refuse' });
    const refused = new Redis(closed.url, { retryStrategy: () => null });
    expect(await new Promise((resolve) => refused.once('error', resolve))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('resets clients whose target refuses', async () => {
    await using gone = await RedisServer.start();
    await using toGone = await TcpProxy.start({ target: gone });
    await gone.kill();
    const cut = new Redis(toGone.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    cut.on('error', () => undefined);
    await expect(cut.ping()).rejects.toThrow();
    await gone.restart();
    const back = new Redis(toGone.url);
    expect(await back.ping()).toBe('PONG');
    back.disconnect();
  });

  it('lets a client go that resets its own connection', async () => {
    const socket = connect(proxy.port, proxy.host);
    await once(socket, 'connect');
    await eventually(() => proxy.openConnections === 1);
    socket.resetAndDestroy();
    await eventually(() => proxy.openConnections === 0);
  });

  it.each<ProxyMode>(['pass', 'stall', 'blackhole', 'reset', 'refuse'])('stops in mode %s', async (mode) => {
    const open = client();
    await open.ping();
    await proxy.setMode(mode);
    await proxy.stop();
    expect(proxy.openConnections).toBe(0);
    await eventually(() => open.status === 'end');
  });
});
