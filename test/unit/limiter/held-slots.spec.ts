import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type Clock, install } from '@sinonjs/fake-timers';
import { type Backend, BackendService, memoryBackend, RateLimitModule } from 'nestjs-floodgate';
import { Admission } from '../../../lib/limiter/admission.js';
import type { HeldSlots } from '../../../lib/limiter/held-slots.js';
import { ServiceRequests } from '../../../lib/limiter/service-requests.js';

const LEASE_MS = 60_000;
const RENEWAL_MS = LEASE_MS / 3;

let clock: Clock;
let app: INestApplicationContext;
let renewals: number;
/** Answers of renewals that are on their way; each arrives or fails. */
let onTheirWay: { arrive(): void; fail(): void }[];

/** A store that renews at once; its answers arrive when the test lets them. */
function slowToRenew(backend: Backend): Backend {
  const renew = backend.renew!.bind(backend);
  return Object.assign(backend, {
    renew: (request: Parameters<NonNullable<Backend['renew']>>[0]) => {
      renewals += 1;
      void renew(request);
      return new Promise<void>((resolve, reject) => {
        onTheirWay.push({ arrive: resolve, fail: () => reject(new Error('lost')) });
      });
    },
  });
}

beforeEach(async () => {
  renewals = 0;
  onTheirWay = [];
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.UTC(2026, 0, 1) });
  app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        timeout: '1h',
        backend: slowToRenew(memoryBackend({ clock: () => clock.now })),
        policies: { jobs: { limit: 1, algorithm: 'concurrency', leaseTime: LEASE_MS, key: 'global' } },
      }),
    ],
  }).compile();
  await app.init();
});

afterEach(async () => {
  await app.close();
  clock.uninstall();
});

async function hold(): Promise<HeldSlots> {
  const request = app.get(ServiceRequests).of([{ key: 'global', policies: 'jobs' }], {}, 'charges');
  const { slots } = await app.get(Admission).admit(request);
  return slots!;
}

const free = async (): Promise<unknown> =>
  (await app.get(BackendService).peek('global', 'jobs')).policies[0]?.remaining;

/** Time passes, and what was answered is heard. */
const pass = (ms: number): Promise<unknown> => clock.tickAsync(ms);

describe.each([
  ['arrives', (): void => onTheirWay.splice(0).forEach((answer) => answer.arrive())],
  ['fails', (): void => onTheirWay.splice(0).forEach((answer) => answer.fail())],
])('a renewal on its way that then %s', (_how, answer) => {
  it('is followed by another while the call lives', async () => {
    const slots = await hold();
    for (let renewal = 1; renewal <= 10; renewal += 1) {
      await pass(RENEWAL_MS);
      expect(renewals).toBe(renewal);
      answer();
    }
    expect(await free()).toBe(0);
    await slots.free();
    expect(await free()).toBe(1);
  });

  it('is the last one of slots that are given back meanwhile', async () => {
    const slots = await hold();
    await pass(RENEWAL_MS);
    await slots.free();
    answer();
    await pass(10 * LEASE_MS);
    expect(renewals).toBe(1);
    expect(clock.countTimers()).toBe(0);
    expect(await free()).toBe(1);
  });

  it('is the last one of slots that lapse meanwhile, which are free when the lease is over', async () => {
    const slots = await hold();
    await pass(RENEWAL_MS);
    slots.lapse();
    answer();
    await pass(LEASE_MS - 1);
    expect(await free()).toBe(0);
    await pass(1);
    expect(await free()).toBe(1);
    expect(renewals).toBe(1);
    expect(clock.countTimers()).toBe(0);
  });

  it('is followed by one at a time for slots that lapse and are kept meanwhile', async () => {
    const slots = await hold();
    await pass(RENEWAL_MS);
    slots.lapse();
    slots.keep();
    answer();
    await pass(RENEWAL_MS);
    expect(renewals).toBe(2);
    answer();
    await slots.free();
    slots.keep();
    expect(clock.countTimers()).toBe(0);
  });
});
