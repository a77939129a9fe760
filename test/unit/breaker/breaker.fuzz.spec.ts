import { Breaker } from '../../../lib/breaker/breaker.js';
import type { CallPermit } from '../../../lib/breaker/call.permit.js';
import type { CircuitBreakerOptions } from '../../../lib/contracts/breaker.js';
import { manualClock } from '../../support/manual-clock.js';
import { randomWholeNumbers } from '../../support/random-numbers.js';
import { CHANCE, type ModelOptions, type ModelOutcome, type ModelPermit, ReferenceModel } from './reference.model.js';

const EPISODES = Number(process.env['EPISODES'] ?? 2_500);
const OPERATIONS = 500;
const OUTCOMES: readonly ModelOutcome[] = ['success', 'failure', 'answer', 'failing-result', 'release', 'first-value'];
const answer = new Error('not found');
const failingResult = Symbol('failing result');
const down = new Error('down');

function someOptions(chance: (below: number) => number): ModelOptions {
  return {
    failureThreshold: 1 + chance(4),
    recoveryTimeout: 100 + chance(400),
    resetTimeout: 200 + chance(2_000),
    halfOpenMaxCalls: 1 + chance(3),
    successThreshold: 1 + chance(4),
    backoffMultiplier: 1 + chance(3),
    backoffMax: 600 + chance(2_000),
    jitter: chance(2) / 2,
    callTimeout: chance(2) * (20 + chance(100)),
    rate:
      chance(2) === 0
        ? undefined
        : { failureRate: (1 + chance(4)) / 4, minimumCalls: 1 + chance(8), window: 100 + chance(900) },
  };
}

/** In the breaker's own words; `callTimeout` cannot be taken back, so it is changed only where there is one. */
function inOptions({ rate, callTimeout, ...same }: Partial<ModelOptions>): CircuitBreakerOptions {
  return {
    ...same,
    ...(callTimeout !== undefined && callTimeout > 0 && { callTimeout }),
    ...(rate && { trip: { kind: 'rate', ...rate } }),
  };
}

interface InFlight {
  readonly real: CallPermit;
  readonly model: ModelPermit;
}

class Episode {
  private readonly clock = manualClock(0);
  private readonly chance: (below: number) => number;
  private readonly model: ReferenceModel;
  private readonly breaker: Breaker;
  private readonly inFlight: InFlight[] = [];
  done = 0;
  lastOperation = '';

  constructor(seed: number) {
    // The seed of a failing episode is in its message.
    this.chance = randomWholeNumbers(seed);
    const options = someOptions(this.chance);
    this.model = new ReferenceModel(options);
    this.breaker = new Breaker({
      ...inOptions(options),
      clock: this.clock,
      random: () => CHANCE,
      isFailure: (error) => error !== answer,
      isFailureResult: (result) => result === failingResult,
    });
  }

  run(): void {
    for (; this.done < OPERATIONS; this.done += 1) {
      this.operate();
      this.compare();
    }
    this.mustRecover();
  }

  private operate(): void {
    const dice = this.chance(1_000);
    if (dice < 400) this.acquire();
    else if (dice < 750)
      this.settle(this.chance(this.inFlight.length), OUTCOMES[this.chance(OUTCOMES.length)] ?? 'success');
    else if (dice < 800) this.settle(this.inFlight.length - 1, 'failure');
    else if (dice < 967) this.advance(this.chance(3) === 0 ? this.chance(1_500) : this.chance(40));
    else if (dice < 975) this.act('hasten');
    else if (dice < 983) this.act('reset');
    else if (dice < 986) this.act('forceOpen');
    else if (dice < 989) this.act('disable');
    else if (dice < 994) this.act('enable');
    else this.configure();
  }

  private acquire(): void {
    this.lastOperation = 'acquire';
    const model = this.model.acquire(this.clock());
    const real = this.breaker.acquire();
    if ((real === undefined) !== (model === undefined))
      throw new Error(`permit ${String(real)}, model ${String(model)}`);
    if (real !== undefined && this.model.probes() > this.model.options.halfOpenMaxCalls)
      throw new Error('too many probes');
    if (real !== undefined && model !== undefined) this.inFlight.push({ real, model });
    // Some calls are forgotten: their permits are never settled. Others stay to be settled twice.
    if (this.inFlight.length > 12) this.inFlight.splice(this.chance(this.inFlight.length), 1);
  }

  private settle(index: number, outcome: ModelOutcome): void {
    const call = this.inFlight[index];
    if (call === undefined) return;
    this.lastOperation = outcome;
    this.model.settle(call.model, outcome, this.clock());
    this.tell(call.real, outcome);
    if (outcome !== 'first-value' && this.chance(8) !== 0) this.inFlight.splice(index, 1);
  }

  private tell(permit: CallPermit, outcome: ModelOutcome): unknown {
    switch (outcome) {
      case 'success':
        return this.chance(2) === 0 ? permit.success() : permit.success('fine');
      case 'failing-result':
        return this.chance(2) === 0 ? permit.success(failingResult) : permit.firstValue(failingResult);
      case 'failure':
        return permit.failure(down);
      case 'answer':
        return permit.failure(answer);
      case 'first-value':
        return permit.firstValue('fine');
      case 'release':
        return permit.release();
    }
  }

  private advance(ms: number): void {
    this.lastOperation = `advance ${ms}`;
    this.clock.advance(ms);
  }

  private act(verb: 'hasten' | 'reset' | 'forceOpen' | 'disable' | 'enable'): void {
    this.lastOperation = verb;
    this.model[verb](this.clock());
    this.breaker[verb]();
  }

  private configure(): void {
    this.lastOperation = 'configure';
    const { rate: _kept, callTimeout, ...fresh } = someOptions(this.chance);
    const change = this.model.options.callTimeout > 0 && callTimeout > 0 ? { ...fresh, callTimeout } : fresh;
    this.model.configure(change);
    this.breaker.configure(inOptions(change));
  }

  private compare(): void {
    const { model } = this;
    const nowMs = this.clock();
    const status = this.breaker.status();
    const same =
      status.state === model.state &&
      status.mode === model.mode &&
      status.tripCount === model.tripCount &&
      status.lateOutcomes === model.lateOutcomes &&
      status.failureCount === model.failureCount(nowMs) &&
      status.retryAfterMs === model.retryAfter(nowMs);
    if (same) return;
    expect({ ...status, nextAttemptAt: null }).toMatchObject({
      state: model.state,
      mode: model.mode,
      tripCount: model.tripCount,
      lateOutcomes: model.lateOutcomes,
      failureCount: model.failureCount(nowMs),
      retryAfterMs: model.retryAfter(nowMs),
    });
  }

  /** Whatever happened, and whoever never came back: with a healthy target the circuit closes. */
  private mustRecover(): void {
    this.lastOperation = 'recover';
    this.breaker.enable();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      this.clock.advance(10_000);
      this.breaker.tryAcquire()?.success();
      if (this.breaker.status().state === 'closed') return;
    }
    throw new Error('wedged');
  }
}

describe('a breaker under chance', () => {
  it(`agrees with the reference after each of ${EPISODES * OPERATIONS} operations, and never wedges`, () => {
    for (let seed = 1; seed <= EPISODES; seed += 1) {
      const episode = new Episode(seed);
      try {
        episode.run();
      } catch (error) {
        throw new Error(`seed ${seed}, operation ${episode.done} (${episode.lastOperation})`, { cause: error });
      }
    }
  });
});
