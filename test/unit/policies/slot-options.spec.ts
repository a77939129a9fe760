import type { PolicyOptions } from 'nestjs-floodgate';
import { compilePolicy } from '../../../lib/policies/compiled-policy.js';
import { thrownBy } from './thrown.js';

const compile = (input: object) => compilePolicy('policies.jobs', input as PolicyOptions, (name) => name ?? 'place');

describe('a concurrency policy', () => {
  it('has a limit, a lease time of a minute, and no queue', () => {
    const { policy, queue } = compile({ limit: 10, algorithm: 'concurrency' });
    expect(policy).toEqual({
      id: 'place#concurrency',
      name: '10/concurrency',
      algorithm: 'concurrency',
      limit: 10,
      windowMs: 60_000,
      burst: 10,
      blockForMs: 0,
      mode: 'enforce',
      unit: 'concurrent-requests',
    });
    expect(queue).toBeUndefined();
  });

  it('takes a lease time and a queue', () => {
    const queue = { size: 5, maxWait: '2s' };
    const compiled = compile({ name: 'jobs', limit: 2, algorithm: 'concurrency', leaseTime: '10s', queue });
    expect(compiled.policy).toMatchObject({ name: 'jobs', windowMs: 10_000 });
    expect(compiled.queue).toEqual({ size: 5, maxWaitMs: 2_000, order: 'fifo' });
    const last = compile({ limit: 2, algorithm: 'concurrency', queue: { ...queue, order: 'lifo' } });
    expect(last.queue?.order).toBe('lifo');
  });

  it.each<[string, object, string]>([
    ['.rate', { rate: '5/m' }, 'give limit, the number of calls at a time'],
    ['.window', { limit: 5, window: '1m' }, 'give leaseTime'],
    ['.cost', { limit: 5, cost: 2 }, 'leave cost out'],
    ['.blockFor', { limit: 5, blockFor: '1m' }, 'leave blockFor out'],
    ['.burst', { limit: 5, burst: 9 }, "set algorithm: 'token-bucket'"],
    ['.limit', {}, 'a whole number from 0 to 10000'],
    ['.limit', { limit: 1.5 }, 'a whole number from 0 to 10000'],
    ['.limit', { limit: 10_001 }, 'a whole number from 0 to 10000'],
    ['.leaseTime', { limit: 5, leaseTime: 'soon' }, 'Give a whole number of milliseconds'],
    ['.queue', { limit: 5, queue: 5 }, 'Give { size, maxWait }'],
    ['.queue.size', { limit: 5, queue: { size: 0, maxWait: '1s' } }, 'a whole number of at least 1'],
    ['.queue.maxWait', { limit: 5, queue: { size: 1 } }, 'Give a whole number of milliseconds'],
    ['.queue.order', { limit: 5, queue: { size: 1, maxWait: '1s', order: 'random' } }, "'fifo', 'lifo'"],
    ['.queue.max', { limit: 5, queue: { size: 1, maxWait: '1s', max: 1 } }, 'There is no such option'],
  ])('says what is wrong with %s of %j', (option, given, mend) => {
    const { message } = thrownBy(() => compile({ algorithm: 'concurrency', ...given })) as Error;
    expect(message).toContain(`policies.jobs${option}`);
    expect(message).toContain(mend);
  });

  it.each<[string, object]>([
    ['.leaseTime', { rate: '5/m', leaseTime: '1m' }],
    ['.queue', { rate: '5/m', algorithm: 'strict-window', queue: { size: 1, maxWait: '1s' } }],
  ])('is the only one with %s', (option, given) => {
    const { message } = thrownBy(() => compile(given)) as Error;
    expect(message).toContain(`policies.jobs${option}`);
    expect(message).toContain("set algorithm: 'concurrency'");
  });
});
