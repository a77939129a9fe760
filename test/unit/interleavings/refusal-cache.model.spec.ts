import fc from 'fast-check';
import type { CounterState } from '../../../lib/algorithms/algorithm.js';
import { admits, asOfNow, decide, refund } from '../../../lib/algorithms/counter.js';
import { RefusalCache } from '../../../lib/backends/refusal-cache.js';
import type { Charge, Reply } from '../../../lib/contracts/backend.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { COMMANDS, prove } from '../../support/proof.js';

/** The store has a clock of its own, of whole milliseconds. */
const storeMs = (nowMs: number): number => Math.floor(nowMs) + 7_000_000;

/** Of a time in whole milliseconds that is told within one. */
const ROUNDING_MS = 1;

const POLICIES: readonly Policy[] = [
  testPolicy({ name: 'fixed', algorithm: 'fixed-window', limit: 3, windowMs: 1_000 }),
  testPolicy({ name: 'sliding', algorithm: 'sliding-window', limit: 3, windowMs: 1_000 }),
  testPolicy({ name: 'bucket', algorithm: 'token-bucket', limit: 4, windowMs: 800 }),
  testPolicy({ name: 'log', algorithm: 'sliding-log', limit: 2, windowMs: 700 }),
  testPolicy({ name: 'blocking', algorithm: 'fixed-window', limit: 2, windowMs: 300, blockForMs: 900 }),
  testPolicy({ name: 'watched', algorithm: 'fixed-window', limit: 2, windowMs: 500, mode: 'shadow' }),
];

/** A store in a few lines: what a call is told there is right. */
class Store {
  private counters = new Map<string, CounterState>();

  consume(charges: readonly Charge[], nowMs: number): { reply: Reply; states: (CounterState | undefined)[] } {
    const allowed = charges.every(
      ({ policy, key, cost }) => policy.mode === 'shadow' || admits(this.of(policy, key), policy, cost, false, nowMs),
    );
    const policies = charges.map(({ policy, key, cost }) => {
      const stored = this.of(policy, key);
      const due = allowed || !admits(stored, policy, cost, false, nowMs) ? cost : 0;
      const { state, status } = decide(stored, policy, due, false, nowMs);
      this.store(policy, key, state);
      return status;
    });
    const states = charges.map(({ policy, key }) =>
      policy.algorithm === 'sliding-log' ? undefined : asOfNow(this.of(policy, key), policy, nowMs),
    );
    return { reply: { allowed, nowMs, policies }, states };
  }

  /** What it would answer; nothing is charged. */
  wouldAnswer(charges: readonly Charge[], nowMs: number): Reply {
    const before = new Map(this.counters);
    const { reply } = this.consume(charges, nowMs);
    this.counters = before;
    return reply;
  }

  reset(charges: readonly Charge[]): void {
    for (const { policy, key } of charges) this.counters.delete(nameOf(policy, key));
  }

  refund(charges: readonly Charge[], nowMs: number): void {
    for (const { policy, key, cost } of charges) {
      const stored = this.of(policy, key);
      if (stored !== undefined) this.store(policy, key, refund(stored, policy, cost, nowMs));
    }
  }

  private of(policy: Policy, key: string): CounterState | undefined {
    return this.counters.get(nameOf(policy, key));
  }

  private store(policy: Policy, key: string, state: CounterState | undefined): void {
    if (state === undefined) this.counters.delete(nameOf(policy, key));
    else this.counters.set(nameOf(policy, key), state);
  }
}

const nameOf = (policy: Policy, key: string): string => `${policy.id} ${key}`;

interface InFlight {
  readonly verb: 'consume' | 'reset' | 'refund';
  readonly charges: readonly Charge[];
  readonly sentMs: number;
  /** Set once the store has executed it. */
  answer: ReturnType<Store['consume']> | 'done' | undefined;
}

interface Model {
  /** The calls that are made in this run: few, so that they meet. */
  readonly calls: readonly (readonly Charge[])[];
  readonly maxKeys: number;
  readonly store: Store;
  readonly inFlight: InFlight[];
  nowMs: number;
}

interface Real {
  readonly cache: RefusalCache;
}

/** Refusals that the cache knew, in all runs: a cache that knows nothing would pass, too. */
let known = 0;

class Command implements fc.Command<Model, Real> {
  constructor(
    private readonly name: string,
    private readonly act: (model: Model, real: Real) => void,
    private readonly isPossible: (model: Readonly<Model>) => boolean = () => true,
  ) {}

  check(model: Readonly<Model>): boolean {
    return this.isPossible(model);
  }

  run(model: Model, real: Real): void {
    this.act(model, real);
    expect(real.cache.size).toBeLessThanOrEqual(model.maxKeys);
  }

  toString(): string {
    return this.name;
  }
}

const KEYS = ['a', 'a', 'a', 'b', 'c'] as const;

/** Of one subject mostly, with one policy or two. */
const charges: fc.Arbitrary<readonly Charge[]> = fc
  .tuple(
    fc.constantFrom(...KEYS),
    fc.option(fc.constantFrom(...KEYS), { freq: 3, nil: undefined }),
    fc.uniqueArray(fc.constantFrom(...POLICIES), { minLength: 1, maxLength: 2 }),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([key, other = key, policies, cost]) =>
    policies.map((policy, index) => ({ key: index === 0 ? key : other, policy, cost })),
  );

const call = fc.nat(2);

const request = (charges: readonly Charge[]) => ({ charges, timeoutMs: 250 });

const consume = fc.tuple(call, fc.boolean()).map(
  ([number, isQuick]) =>
    new Command(`consume ${number}${isQuick ? ', and is answered' : ''}`, (model, { cache }) => {
      const { store, inFlight, nowMs } = model;
      const call = model.calls[number] as readonly Charge[];
      const found = cache.find(request(call));
      if (found === undefined) {
        inFlight.push({ verb: 'consume', charges: call, sentMs: cache.now(), answer: undefined });
        if (!isQuick) return;
        goOn(model, cache, inFlight.length - 1);
        goOn(model, cache, inFlight.length - 1);
        return;
      }
      known += 1;
      expect(found.allowed).toBe(false);
      // A call beside one that lowers the counters may be before it or after it.
      const isLowered = inFlight.some(
        ({ verb, charges: lowered, answer }) =>
          verb !== 'consume' && answer === 'done' && lowered.some(({ key }) => call.some((one) => one.key === key)),
      );
      if (isLowered) return;
      const truth = store.wouldAnswer(call, storeMs(nowMs));
      expect(truth.allowed).toBe(false);
      found.policies.forEach(({ allowed, retryAfterMs }, index) => {
        const really = truth.policies[index]?.retryAfterMs ?? Number.POSITIVE_INFINITY;
        if (!allowed) expect(retryAfterMs ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(really + ROUNDING_MS);
      });
    }),
);

const lower = fc.tuple(fc.constantFrom('reset' as const, 'refund' as const), call).map(
  ([verb, number]) =>
    new Command(`${verb} ${number}`, ({ calls, inFlight }, { cache }) => {
      const call = calls[number] as readonly Charge[];
      cache.drop(request(call));
      inFlight.push({ verb, charges: call, sentMs: cache.now(), answer: undefined });
    }),
);

/** A call gets to the store, or its answer comes back. */
function goOn({ store, inFlight, nowMs }: Model, cache: RefusalCache, place: number): void {
  const call = inFlight[place] as InFlight;
  if (call.answer === undefined) {
    if (call.verb === 'consume') call.answer = store.consume(call.charges, storeMs(nowMs));
    else call.answer = 'done';
    if (call.verb === 'reset') store.reset(call.charges);
    if (call.verb === 'refund') store.refund(call.charges, storeMs(nowMs));
    return;
  }
  inFlight.splice(place, 1);
  if (call.answer === 'done') cache.drop(request(call.charges));
  else if (call.answer.reply.allowed) cache.charged(request(call.charges));
  else cache.keep(request(call.charges), { ...call.answer, sentMs: call.sentMs });
}

const progress = fc.nat(5).map(
  (place) =>
    new Command(
      `the ${place + 1}. goes on`,
      (model, { cache }) => goOn(model, cache, place % model.inFlight.length),
      ({ inFlight }) => inFlight.length > 0,
    ),
);

const later = fc
  .oneof(fc.nat(20), fc.nat(200), fc.nat(3_200))
  .map((quarters) => quarters / 4)
  .map(
    (ms) =>
      new Command(`${ms} ms later`, (model) => {
        model.nowMs += ms;
      }),
  );

it('answers what the store would, whatever crosses on the way to it', async () => {
  known = 0;
  const anything = fc.oneof(
    { weight: 10, arbitrary: consume },
    { weight: 10, arbitrary: progress },
    { weight: 2, arbitrary: lower },
    { weight: 3, arbitrary: later },
  );
  const property = fc.property(
    fc.integer({ min: 1, max: 3 }),
    fc.tuple(charges, charges, charges),
    fc.commands([anything], COMMANDS),
    (maxKeys, calls, commands) => {
      fc.modelRun(() => {
        const model: Model = { maxKeys, calls, store: new Store(), inFlight: [], nowMs: 0 };
        return { model, real: { cache: new RefusalCache(maxKeys, () => model.nowMs) } };
      }, commands);
    },
  );
  await prove(property, 200);
  expect(known).toBeGreaterThan(300);
});
