import { spawnWorkers } from '../../support/child-process.js';
import { RedisServer } from '../../support/redis-server.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import type unansweredWorker from './workers/unanswered.worker.js';
import type unusedWorker from './workers/unused.worker.js';

/** A busy machine takes its time to start so many applications. */

describe('a module with a Redis in it that is not used', () => {
  it('opens nothing, and its process ends by itself', async () => {
    await using redis = await RedisServer.start();
    await using proxy = await TcpProxy.start({ target: redis });
    const module = new URL('./workers/unused.worker.ts', import.meta.url);
    const [left = {}] = await spawnWorkers<typeof unusedWorker>(1, module, { url: proxy.url });
    expect(Object.keys(left)).toHaveLength(14);
    for (const [way, open] of Object.entries(left)) expect(`${way}: ${open.join()}`).toBe(`${way}: `);
    expect(proxy.bytesFromClients).toBe(0);
    expect(proxy.openConnections).toBe(0);
  });
});

describe('a call that is awaited where nothing else keeps the process alive', () => {
  const module = new URL('./workers/unanswered.worker.ts', import.meta.url);
  const OUTCOMES = {
    consume: 'BACKEND_UNAVAILABLE',
    peek: 'BACKEND_UNAVAILABLE',
    refund: 'BACKEND_UNAVAILABLE',
    acquire: 'BACKEND_UNAVAILABLE',
    withLease: 'BACKEND_UNAVAILABLE',
    health: 'answered',
    reset: 'BACKEND_UNAVAILABLE',
  };

  it('settles at its deadline', async () => {
    expect(await spawnWorkers<typeof unansweredWorker>(1, module, { port: null })).toEqual([OUTCOMES]);
  });

  it('settles where Redis does not answer, too', async () => {
    await using redis = await RedisServer.start();
    redis.freeze();
    expect(await spawnWorkers<typeof unansweredWorker>(1, module, { port: redis.port })).toEqual([OUTCOMES]);
  });
});
