import fc from 'fast-check';
import { Breaker } from '../../../lib/breaker/breaker.js';
import type { CallPermit } from '../../../lib/breaker/call.permit.js';
import type { CircuitBreakerOptions } from '../../../lib/contracts/breaker.js';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { COMMANDS, prove } from '../../support/proof.js';
import {
  CHANCE,
  type ModelOptions,
  type ModelOutcome,
  type ModelPermit,
  ReferenceModel,
} from '../breaker/reference.model.js';

const ANSWER = new Error('not found');
const DOWN = new Error('down');
const FAILING_RESULT = Symbol('failing result');

interface Model {
  readonly reference: ReferenceModel;
  readonly permits: ModelPermit[];
}

interface Real {
  readonly clock: ManualClock;
  readonly breaker: Breaker;
  readonly permits: CallPermit[];
}

/** One thing that is done to both, after which both have to look alike. */
class Command implements fc.Command<Model, Real> {
  constructor(
    private readonly name: string,
    private readonly act: (model: Model, real: Real, nowMs: number) => void,
    private readonly isPossible: (model: Readonly<Model>) => boolean = () => true,
  ) {}

  check(model: Readonly<Model>): boolean {
    return this.isPossible(model);
  }

  run(model: Model, real: Real): void {
    this.act(model, real, real.clock());
    const { reference } = model;
    const nowMs = real.clock();
    expect(real.breaker.status()).toMatchObject({
      state: reference.state,
      mode: reference.mode,
      tripCount: reference.tripCount,
      lateOutcomes: reference.lateOutcomes,
      failureCount: reference.failureCount(nowMs),
      retryAfterMs: reference.retryAfter(nowMs),
    });
  }

  toString(): string {
    return this.name;
  }
}

const OUTCOMES: Readonly<Record<ModelOutcome, (permit: CallPermit) => unknown>> = {
  success: (permit) => permit.success('fine'),
  failure: (permit) => permit.failure(DOWN),
  answer: (permit) => permit.failure(ANSWER),
  'failing-result': (permit) => permit.success(FAILING_RESULT),
  release: (permit) => permit.release(),
  'first-value': (permit) => permit.firstValue('fine'),
};

const BY_HAND = ['reset', 'hasten', 'forceOpen', 'disable', 'enable'] as const;

const acquire = fc.constant(
  new Command('acquire', ({ reference, permits }, real, nowMs) => {
    const expected = reference.acquire(nowMs);
    const permit = real.breaker.acquire();
    expect(permit === undefined).toBe(expected === undefined);
    if (expected === undefined || permit === undefined) return;
    expect(reference.probes()).toBeLessThanOrEqual(reference.options.halfOpenMaxCalls);
    permits.push(expected);
    real.permits.push(permit);
  }),
);

/** Of any permit that was ever given: some are settled twice, and some late. */
const settle = fc.tuple(fc.nat(9), fc.constantFrom(...(Object.keys(OUTCOMES) as ModelOutcome[]))).map(
  ([recency, outcome]) =>
    new Command(
      `${outcome} of the ${recency + 1}. latest`,
      ({ reference, permits }, real, nowMs) => {
        reference.settle(permits.at(-1 - recency) as ModelPermit, outcome, nowMs);
        OUTCOMES[outcome](real.permits.at(-1 - recency) as CallPermit);
      },
      ({ permits }) => recency < permits.length,
    ),
);

const advance = fc
  .oneof(fc.nat(40), fc.nat(1_500))
  .map((ms) => new Command(`${ms} ms later`, (_model, { clock }) => clock.advance(ms)));

const byHand = fc.constantFrom(...BY_HAND).map(
  (verb) =>
    new Command(verb, ({ reference }, { breaker }, nowMs) => {
      reference[verb](nowMs);
      breaker[verb]();
    }),
);

const options: fc.Arbitrary<ModelOptions> = fc.record({
  failureThreshold: fc.integer({ min: 1, max: 4 }),
  recoveryTimeout: fc.integer({ min: 100, max: 500 }),
  resetTimeout: fc.integer({ min: 200, max: 2_000 }),
  halfOpenMaxCalls: fc.integer({ min: 1, max: 3 }),
  successThreshold: fc.integer({ min: 1, max: 4 }),
  backoffMultiplier: fc.integer({ min: 1, max: 3 }),
  backoffMax: fc.integer({ min: 600, max: 2_000 }),
  jitter: fc.constantFrom(0, 0.5),
  callTimeout: fc.oneof(fc.constant(0), fc.integer({ min: 20, max: 120 })),
  rate: fc.option(
    fc.record({
      failureRate: fc.constantFrom(0.25, 0.5, 1),
      minimumCalls: fc.integer({ min: 1, max: 8 }),
      window: fc.integer({ min: 100, max: 1_000 }),
    }),
    { nil: undefined },
  ),
});

const configure = options.map(({ rate: _rate, callTimeout: _callTimeout, ...change }) => {
  const act = ({ reference }: Model, { breaker }: Real): void => {
    reference.configure(change);
    breaker.configure(change);
  };
  return new Command(`configure ${JSON.stringify(change)}`, act);
});

function inOptions({ rate, callTimeout, ...same }: ModelOptions): CircuitBreakerOptions {
  return { ...same, ...(callTimeout > 0 && { callTimeout }), ...(rate && { trip: { kind: 'rate', ...rate } }) };
}

it('is the breaker of its table, whatever is done to it in whatever order', async () => {
  const anything = fc.oneof(
    { weight: 8, arbitrary: acquire },
    { weight: 8, arbitrary: settle },
    { weight: 4, arbitrary: advance },
    { weight: 1, arbitrary: byHand },
    { weight: 1, arbitrary: configure },
  );
  const property = fc.property(options, fc.commands([anything], COMMANDS), (given, commands) => {
    fc.modelRun(() => {
      const clock = manualClock(0);
      const tuning = { ...inOptions(given), clock, random: () => CHANCE };
      const breaker = new Breaker({
        ...tuning,
        isFailure: (error) => error !== ANSWER,
        isFailureResult: (result) => result === FAILING_RESULT,
      });
      return {
        model: { reference: new ReferenceModel(given), permits: [] },
        real: { clock, breaker, permits: [] },
      };
    }, commands);
  });
  await prove(property, 150);
});
