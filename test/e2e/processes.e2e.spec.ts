import { spawnWorkers } from '../support/child-process.js';
import { platforms } from '../support/http-app.js';
import { RedisServer } from '../support/redis-server.js';
import type httpApp from './workers/http-app.worker.js';

it('four processes on one Redis admit exactly 50 of 200 parallel requests under a limit of 50', async () => {
  await using redis = await RedisServer.start();
  const worker = new URL('./workers/http-app.worker.ts', import.meta.url);
  const replies = await spawnWorkers<typeof httpApp>(4, worker, (index) => ({
    url: redis.url,
    platform: platforms[index % platforms.length] ?? 'express',
    requests: 50,
  }));
  const statuses = replies.flat();
  expect(statuses.filter((status) => status === 200)).toHaveLength(50);
  expect(statuses.filter((status) => status === 429)).toHaveLength(150);
});
