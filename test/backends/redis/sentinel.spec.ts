import { setTimeout as pause } from 'node:timers/promises';
import { BackendUnavailableError } from '../../../lib/contracts/errors.js';
import { redisBackend } from '../../../lib/backends/redis/redis.backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { eventually } from '../../support/eventually.js';
import { RedisSentinel } from '../../support/redis-sentinel.js';
import { expectNoUnhandled } from '../../support/unhandled.js';

/** Nothing rolls or refills while the test runs. */
const policy = testPolicy({ algorithm: 'fixed-window', limit: 1_000_000, windowMs: 366 * 86_400_000 });

it('follows a failover of Sentinel in mid-traffic: unavailable in between, and counting on', async () => {
  await using watched = await RedisSentinel.start();
  const backend = redisBackend({
    connection: { sentinels: [...watched.sentinels], name: watched.name },
  });
  const consume = () => backend.consume({ charges: [{ key: 'k', policy, cost: 1 }], timeoutMs: 2_000 });
  await expectNoUnhandled(async () => {
    await consume();
    const outcomes: ('served' | 'unavailable')[] = [];
    let traffic = true;
    const caller = async (): Promise<void> => {
      while (traffic) {
        const served = await Promise.resolve(consume()).then(
          () => true,
          (error: unknown) => {
            expect(error).toBeInstanceOf(BackendUnavailableError);
            return false;
          },
        );
        outcomes.push(served ? 'served' : 'unavailable');
        await pause(2);
      }
    };
    const callers = Promise.all([caller(), caller(), caller()]);
    await eventually(() => outcomes.length > 30);
    const old = await watched.killMaster();
    await eventually(() => outcomes.includes('unavailable'), { what: 'callers notice' });
    const heir = await watched.waitReplaced(old);
    const before = outcomes.length;
    await eventually(() => outcomes.slice(before).includes('served'), { what: 'the heir serves', timeoutMs: 15_000 });
    traffic = false;
    await callers;

    expect(await heir.keys()).toEqual(['floodgate:{k}']);
    const { policies } = await consume();
    const served = outcomes.filter((outcome) => outcome === 'served').length;
    expect(policy.limit - policies[0]!.remaining).toBeGreaterThan(served / 2);
  });
  await backend.close();
});
