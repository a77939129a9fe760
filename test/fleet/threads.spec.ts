import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { RedisServer } from '../support/redis-server.js';
import { HostProcess } from './host-process.js';
import { areAll, callUntilOpen, failuresOf, proberOf, probesOf } from './hosts.js';

it('threads of one process: one opens by five failures, the others by one, one probes, an ended prober wedges nothing', async () => {
  await using redis = await RedisServer.start();
  const recoveryTimeout = 1_000;
  const start = (): Promise<HostProcess> => HostProcess.ofThread({ url: redis.url, recoveryTimeout });
  await using first = await start();
  await using second = await start();
  await using third = await start();
  const threads = [first, second, third];
  await eventually(async () =>
    (await Promise.all(threads.map((one) => one.ask({ kind: 'call' })))).every(({ ok }) => ok),
  );
  const before = await failuresOf(threads);
  redis.freeze();
  await callUntilOpen(threads);
  expect((await failuresOf(threads)) - before - (await probesOf(threads)).length).toBe(7);

  await Promise.all(threads.map((one) => one.ask({ kind: 'traffic', everyMs: 20 })));
  await delay(3_000);
  const prober = await eventually(() => proberOf(threads));
  const probes = await probesOf(threads);
  expect(probes.length).toBeGreaterThanOrEqual(2);
  for (const [index, time] of probes.slice(1).entries()) {
    expect(time - (probes[index] as number)).toBeGreaterThan(recoveryTimeout);
  }
  await prober.kill('SIGKILL');
  const left = threads.filter((one) => one !== prober);
  redis.thaw();
  await eventually(() => areAll(left, 'closed'), { timeoutMs: 10_000 });
});
