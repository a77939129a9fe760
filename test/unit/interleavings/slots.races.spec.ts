import fc from 'fast-check';
import { MemoryBackend } from '../../../lib/backends/memory/memory.backend.js';
import { BackendUnavailableError, DeadlineExceededError } from '../../../lib/contracts/errors.js';
import { replaceTime } from '../../../lib/contracts/process-time.js';
import { Admission } from '../../../lib/limiter/admission.js';
import type { Decider, Outcome } from '../../../lib/limiter/decider.js';
import type { DecisionRequest, PolicyDecisionRequest } from '../../../lib/limiter/decision-request.js';
import { decisionOf } from '../../../lib/limiter/decisions.js';
import { RateLimitEvents } from '../../../lib/observe/rate-limit-events.js';
import type { CompiledPolicy } from '../../../lib/policies/compiled-policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { prove } from '../../support/proof.js';

const LIMIT = 2;
const LEASE_MS = 3_000;
/** A slot is renewed three times in a lease. */
const RENEWAL_MS = LEASE_MS / 3;
/** One that is over soon, and one that nobody waits for: only a free slot ends it. */
const MAX_WAITS_MS = [4_000, 60_000];
const LONG_ENOUGH = 30;

const POLICY = testPolicy({ algorithm: 'concurrency', limit: LIMIT, windowMs: LEASE_MS });

/** The time of the process, which goes on when a test says so. */
class SteppedTime {
  nowMs = 0;
  readonly timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  readonly monotonicMs = (): number => this.nowMs;
  readonly wallMs = (): number => this.nowMs;

  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { dueMs: this.nowMs + delayMs, callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  };

  pass(ms: number): void {
    this.nowMs += ms;
    for (const timer of [...this.timers].filter(({ dueMs }) => dueMs <= this.nowMs)) {
      if (this.timers.delete(timer)) timer.callback();
    }
  }
}

/** Slots that are far away: a call gets there, and its answer comes back, when the schedule says so. */
class RemoteSlots {
  readonly store: MemoryBackend;
  private readonly pending = new Set<Promise<unknown>>();
  private consumes = 0;

  /** @param lost consumes whose answer comes too late: the store has heard them, or has not */
  constructor(
    private readonly scheduler: fc.Scheduler,
    time: SteppedTime,
    private readonly lost: ReadonlyMap<number, 'before' | 'after'>,
  ) {
    this.store = new MemoryBackend({ clock: time.wallMs });
  }

  ask(request: DecisionRequest): Promise<Outcome> {
    const fails = this.lost.get(this.consumes++);
    return this.travel('consume', () => {
      if (fails !== 'before') {
        const reply = this.store.consume(request);
        if (fails === undefined) return { decision: decisionOf(reply, 'memory', 'primary'), atMs: reply.nowMs };
      }
      throw new BackendUnavailableError({ backend: 'memory', cause: DeadlineExceededError.of(250) });
    });
  }

  refund(request: DecisionRequest): Promise<void> {
    return this.travel('refund', () => this.store.refund(request));
  }

  renew(request: DecisionRequest): Promise<void> {
    return this.travel('renew', () => this.store.renew(request));
  }

  told(): void {
    // Nobody listens.
  }

  free(): number | undefined {
    return this.store.peek({ charges: [{ key: 'k', policy: POLICY, cost: 0 }], timeoutMs: 1 }).policies[0]?.remaining;
  }

  /** Waits until nothing is on its way. */
  async quiet(): Promise<void> {
    while (this.pending.size > 0) await Promise.allSettled(this.pending);
  }

  private travel<T>(name: string, arrive: () => T): Promise<T> {
    const journey = (async () => {
      await this.scheduler.schedule(Promise.resolve(), `${name} arrives`);
      let answer: () => T;
      try {
        const value = arrive();
        answer = () => value;
      } catch (error) {
        answer = () => {
          throw error;
        };
      }
      await this.scheduler.schedule(Promise.resolve(), `${name} is answered`);
      return answer();
    })();
    this.pending.add(journey);
    void journey.then(
      () => this.pending.delete(journey),
      () => this.pending.delete(journey),
    );
    return journey;
  }
}

const callers = fc.array(
  fc.record({
    /** At some moment before its work is done. */
    hangsUp: fc.boolean(),
    /** `vanish`: nobody sees its end. */
    end: fc.constantFrom('release' as const, 'release' as const, 'release twice' as const, 'vanish' as const),
    works: fc.integer({ min: 1, max: 8 }),
  }),
  { minLength: 1, maxLength: 7 },
);

const lost = fc
  .array(fc.tuple(fc.nat(6), fc.constantFrom('before' as const, 'after' as const)), { maxLength: 2 })
  .map((calls) => new Map(calls));

const queues = fc.option(
  fc.record({
    size: fc.integer({ min: 1, max: 4 }),
    maxWaitMs: fc.constantFrom(...MAX_WAITS_MS),
    order: fc.constantFrom('fifo' as const, 'lifo' as const),
  }),
  { nil: undefined },
);

const situations = fc.record({
  callers,
  queue: queues,
  lost,
  /** How often time goes on among all the rest; after that, only where nothing else is left. */
  passes: fc.nat(8),
});

type Situation = typeof situations extends fc.Arbitrary<infer S> ? S : never;

const requestFor = (queue: Situation['queue']): PolicyDecisionRequest => ({
  charges: [{ key: 'k', policy: POLICY, cost: 1 }],
  policies: [{ policy: POLICY, queue } as unknown as CompiledPolicy],
  failureMode: 'closed',
  timeoutMs: 250,
});

/** Time goes on. A store that is slower than the deadline of a call is no race, and a lease is longer than that. */
async function pass(slots: RemoteSlots, time: SteppedTime): Promise<void> {
  await slots.quiet();
  time.pass(RENEWAL_MS);
}

/** Lets the callers come, wait, work and end, and time pass, as the schedule says. Answers the most that worked at once. */
async function play(
  scheduler: fc.Scheduler,
  slots: RemoteSlots,
  time: SteppedTime,
  { callers: plans, queue, passes }: Situation,
) {
  const events = new RateLimitEvents();
  /** What the meter told of slots in use, one after the other. */
  const inUse: number[] = [];
  events.on((event) => event.kind === 'slots' && inUse.push(event.inUse));
  const admission = new Admission(slots as unknown as Decider, events);
  const client = plans.map(() => new AbortController());
  let working = 0;
  let mostWorking = 0;
  let done = 0;
  const calls = plans.map(async ({ end, works }, index) => {
    await scheduler.schedule(Promise.resolve(), `caller ${index} comes`);
    const { signal } = client[index] as AbortController;
    const admitted = await admission.admit(requestFor(queue), signal).catch(() => undefined);
    if (admitted?.slots !== undefined) {
      working += 1;
      mostWorking = Math.max(mostWorking, working);
      for (let work = 0; work < works; work += 1) await scheduler.schedule(Promise.resolve(), `caller ${index} works`);
      working -= 1;
      if (end === 'vanish') admitted.slots.lapse();
      else await Promise.all([admitted.slots.free(), end === 'release twice' && admitted.slots.free()]);
    }
    done += 1;
  });
  const hangUps = plans.map(async ({ hangsUp }, index) => {
    if (!hangsUp) return;
    await scheduler.schedule(Promise.resolve(), `caller ${index} hangs up`);
    client[index]?.abort(new Error('gone'));
  });
  const passing = (async () => {
    for (let step = 0; step < passes; step += 1) {
      await scheduler.schedule(Promise.resolve(), 'time passes');
      await pass(slots, time);
    }
  })();
  const everything = Promise.all([...calls, ...hangUps, passing]);
  for (let step = 0; step < LONG_ENOUGH; step += 1) {
    await scheduler.waitIdle();
    if (done === plans.length) break;
    await scheduler.waitFor(pass(slots, time));
  }
  expect(done).toBe(plans.length);
  await scheduler.waitFor(everything);
  await scheduler.waitFor(slots.quiet());
  return { mostWorking, inUse };
}

/** Plays with a time of its own. */
async function inOwnTime(check: (time: SteppedTime) => Promise<void>): Promise<void> {
  const time = new SteppedTime();
  replaceTime(time);
  try {
    await check(time);
  } finally {
    replaceTime(undefined);
  }
}

it('never lets more work than there are slots, and answers everybody', async () => {
  const property = fc.asyncProperty(fc.scheduler(), situations, (scheduler, situation) =>
    inOwnTime(async (time) => {
      const slots = new RemoteSlots(scheduler, time, situation.lost);
      const { mostWorking } = await play(scheduler, slots, time, situation);
      expect(mostWorking).toBeLessThanOrEqual(LIMIT);
    }),
  );
  await prove(property, 400);
});

it('leaks no slot and no timer, though callers hang up and answers are lost', async () => {
  const seen = situations.map((situation) => ({
    ...situation,
    callers: situation.callers.map((one) => (one.end === 'vanish' ? { ...one, end: 'release' as const } : one)),
  }));
  const property = fc.asyncProperty(fc.scheduler(), seen, (scheduler, situation) =>
    inOwnTime(async (time) => {
      const slots = new RemoteSlots(scheduler, time, situation.lost);
      const { inUse } = await play(scheduler, slots, time, situation);
      expect(slots.free()).toBe(LIMIT);
      expect(time.timers.size).toBe(0);
      expect(Math.min(0, ...inUse)).toBe(0);
      expect(inUse.at(-1) ?? 0).toBe(0);
    }),
  );
  await prove(property, 400);
});

it('has all slots again a lease after the last caller that vanished', async () => {
  const property = fc.asyncProperty(fc.scheduler(), situations, (scheduler, situation) =>
    inOwnTime(async (time) => {
      const slots = new RemoteSlots(scheduler, time, new Map());
      await play(scheduler, slots, time, situation);
      for (let renewal = 0; renewal <= LEASE_MS / RENEWAL_MS; renewal += 1) {
        await scheduler.waitFor(pass(slots, time));
        await scheduler.waitIdle();
      }
      expect(slots.free()).toBe(LIMIT);
      expect(time.timers.size).toBe(0);
    }),
  );
  await prove(property, 200);
});
