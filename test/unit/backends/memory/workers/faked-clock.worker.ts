import { mock } from 'node:test';
import * as FakeTimers from '@sinonjs/fake-timers';
import type { Worker } from '../../../../support/worker-protocol.js';
import { type Faker, observe, type Observed } from '../faked-clock.js';

function sinon(options: Parameters<typeof FakeTimers.install>[0]): Faker {
  let clock: ReturnType<typeof FakeTimers.install>;
  return {
    begin: (now) => void (clock = FakeTimers.install({ ...options, now })),
    advance: (ms) => void clock.tick(ms),
    set: (now) => clock.setSystemTime(now),
    end: () => clock.uninstall(),
  };
}

const fakers: Readonly<Record<string, Faker>> = {
  'node:test, Date alone': {
    begin: (now) => mock.timers.enable({ apis: ['Date'], now }),
    advance: (ms) => mock.timers.tick(ms),
    set: (now) => mock.timers.setTime(now),
    end: () => mock.timers.reset(),
  },
  'node:test, all': {
    begin: (now) => mock.timers.enable({ apis: ['Date', 'setTimeout', 'setInterval', 'setImmediate'], now }),
    advance: (ms) => mock.timers.tick(ms),
    set: (now) => mock.timers.setTime(now),
    end: () => mock.timers.reset(),
  },
  'Sinon, all': sinon({}),
  'Sinon, Date alone': sinon({ toFake: ['Date'] }),
  // As Vitest installs them.
  Vitest: sinon({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], loopLimit: 10_000 }),
};

/** Fakes the time of a process of its own in each way. */
const worker: Worker<null, Record<string, Observed>> = async () =>
  Object.fromEntries(Object.entries(fakers).map(([name, faker]) => [name, observe(faker)]));

export default worker;
