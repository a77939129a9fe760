import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';

it('processes that come and go lose no quota, and strand no slot beyond its lease', async () => {
  await using redis = await RedisServer.start();
  const start = (): Promise<HostProcess> => HostProcess.fork({ url: redis.url, timeout: 10_000 });
  await using first = await start();
  await using second = await start();
  expect(await first.ask({ kind: 'consume', times: 20 })).toMatchObject({ admitted: 20 });
  expect(await second.ask({ kind: 'consume', times: 20 })).toMatchObject({ admitted: 20 });
  expect(await first.ask({ kind: 'acquire' })).toMatchObject({ ok: true });
  expect(await second.ask({ kind: 'acquire' })).toMatchObject({ ok: true });

  await using third = await start();
  // Leases are renewed while their processes live, however long.
  expect(await third.ask({ kind: 'acquire' })).toMatchObject({ ok: false });
  await first.kill('SIGKILL');
  await eventually(async () => (await third.ask({ kind: 'acquire' })).ok, { what: 'the slot of the killed is free' });
  expect(await third.ask({ kind: 'acquire' })).toMatchObject({ ok: false });
  await second.kill('SIGTERM');
  await eventually(async () => (await third.ask({ kind: 'acquire' })).ok, { what: 'the slot of the ended is free' });

  // Forty of fifty were charged by processes that are gone: ten are left, and not one more or less.
  await using fourth = await start();
  expect(await fourth.ask({ kind: 'consume', times: 6 })).toMatchObject({ admitted: 6 });
  expect(await third.ask({ kind: 'consume', times: 6 })).toMatchObject({ admitted: 4 });
});
