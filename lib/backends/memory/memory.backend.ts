import type { CounterState } from '../../algorithms/algorithm.js';
import { decide, refund, renew, type Outcome } from '../../algorithms/counter.js';
import type {
  Backend,
  BackendRequest,
  Charge,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../../contracts/backend.js';
import type { Clock } from '../../contracts/breaker.js';
import { CLEAR, type Clearable } from '../../contracts/clearable.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { onlyKnown } from '../../policies/option-checks.js';
import { blankCounter, type Counter } from './counter-slots.js';
import { CounterStore } from './counter-store.js';
import { epochClock } from './epoch-clock.js';

/** Options of `memoryBackend()`. */
export interface MemoryBackendOptions {
  /**
   * Maximum number of counters, one for each key and policy; the least recently used is dropped first. Default 100,000.
   */
  readonly maxKeys?: number;
  /** Milliseconds since the epoch. Default: a clock of the process that never steps back. */
  readonly clock?: Clock;
  /** Default `memory`. */
  readonly name?: string;
}

/**
 * Keeps counters in this process: exact and synchronous. They are lost when the process ends. Several processes count
 * separately; use Redis to share counters.
 *
 * @throws RateLimitConfigurationError if `maxKeys` is not a whole number of at least 1
 */
export function memoryBackend(options: MemoryBackendOptions = {}): Backend {
  onlyKnown('memoryBackend', options, ['maxKeys', 'clock', 'name']);
  return new MemoryBackend(options);
}

const passes = ({ status }: Outcome): boolean => status.allowed || status.mode === 'shadow';

/** Whether an earlier charge of the call has the same counter. */
function isRepeated(charges: readonly Charge[], index: number): boolean {
  const { policy, key } = charges[index] as Charge;
  for (let earlier = 0; earlier < index; earlier += 1) {
    const other = charges[earlier] as Charge;
    if (other.policy.id === policy.id && other.key === key) return true;
  }
  return false;
}

/** The backend behind `memoryBackend()`; every method is synchronous. */
export class MemoryBackend implements Backend, Clearable {
  readonly name: string;
  private readonly clock: Clock;
  private readonly counters: CounterStore;
  /** The counter of a call with one policy: read, decided on and written before the next call. */
  private readonly found = blankCounter();
  private evictionListener: ((count: number) => void) | undefined;

  constructor({ name = 'memory', maxKeys = 100_000, clock = epochClock }: MemoryBackendOptions) {
    if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
      throw new RateLimitConfigurationError('memoryBackend.maxKeys', maxKeys, 'Give a whole number of at least 1.');
    }
    this.name = name;
    this.clock = clock;
    this.counters = new CounterStore(maxKeys);
  }

  /** Counters held. */
  get size(): number {
    return this.counters.size;
  }

  consume({ charges, overdraw = false }: ConsumeRequest): Reply {
    const nowMs = this.now();
    const reply =
      charges.length === 1
        ? this.consumeOne(charges[0] as Charge, overdraw, nowMs)
        : this.consumeAll(charges, overdraw, nowMs);
    if (this.counters.hasGrown) this.trim(nowMs);
    return reply;
  }

  peek({ charges }: BackendRequest): Reply {
    const nowMs = this.now();
    const policies = charges.map(
      ({ policy, key }) => decide(this.counters.find(policy, key), policy, 0, false, nowMs).status,
    );
    return { allowed: true, nowMs, policies };
  }

  refund({ charges, chargedAtMs }: RefundRequest): void {
    const nowMs = this.now();
    for (const one of charges) {
      const { policy, key, cost, owed, slot } = one;
      const counter = this.counters.find(policy, key);
      if (counter !== undefined)
        this.store(one, counter, refund(counter, policy, cost, nowMs, chargedAtMs, owed, slot));
    }
  }

  renew({ charges }: RenewRequest): void {
    const nowMs = this.now();
    for (const one of charges) {
      const counter = this.counters.find(one.policy, one.key);
      if (counter !== undefined) this.store(one, counter, renew(counter, one.policy, one.slot, nowMs));
    }
  }

  reset({ charges }: BackendRequest): void {
    for (const { policy, key } of charges) {
      const counter = this.counters.find(policy, key);
      if (counter !== undefined) this.counters.remove(counter);
    }
  }

  ping(): void {
    // This process is the store.
  }

  close(): void {
    this.counters.clear();
  }

  [CLEAR](): boolean {
    this.counters.clear();
    return true;
  }

  onEviction(listener: (count: number) => void): void {
    this.evictionListener = listener;
  }

  private consumeAll(charges: readonly Charge[], overdraw: boolean, nowMs: number): Reply {
    // Lists with a fixed length and plain loops: closures take twice as long if V8 does not inline them.
    const counters = new Array<Counter | undefined>(charges.length);
    const outcomes = new Array<Outcome>(charges.length);
    let allowed = true;
    for (let index = 0; index < charges.length; index += 1) {
      const { policy, key, cost, slot } = charges[index] as Charge;
      const before = index > 0 && charges[index - 1]?.key === key ? counters[index - 1] : undefined;
      const counter = before ? this.counters.findBeside(before, policy, key) : this.counters.find(policy, key);
      counters[index] = counter;
      const outcome = decide(counter, policy, cost, overdraw, nowMs, slot);
      outcomes[index] = outcome;
      if (!passes(outcome)) allowed = false;
    }
    const policies = new Array<PolicyStatus>(charges.length);
    for (let index = 0; index < charges.length; index += 1) {
      const charge = charges[index] as Charge;
      const { policy, key, cost, slot } = charge;
      let counter = counters[index];
      let outcome = outcomes[index] as Outcome;
      if (isRepeated(charges, index)) {
        // A counter that is charged twice has changed since it was read.
        counter = this.counters.find(policy, key);
        outcome = decide(counter, policy, cost, overdraw, nowMs, slot);
      }
      // If another policy refuses the call, an admitting policy only reports. A refusing policy may block, and reports
      // the retry time.
      if (!allowed && outcome.status.allowed) outcome = decide(counter, policy, 0, overdraw, nowMs, slot);
      this.store(charge, counter, outcome.state);
      policies[index] = outcome.status;
    }
    return { allowed, nowMs, policies };
  }

  /** The same, without the lists: most calls have one policy. */
  private consumeOne(charge: Charge, overdraw: boolean, nowMs: number): Reply {
    const { policy, key, cost, slot } = charge;
    const counter = this.counters.find(policy, key, this.found);
    const outcome = decide(counter, policy, cost, overdraw, nowMs, slot);
    this.store(charge, counter, outcome.state);
    return { allowed: passes(outcome), nowMs, policies: [outcome.status] };
  }

  /** Writes a changed state into the counter itself; an unchanged counter is marked as used. */
  private store(charge: Charge, counter: Counter | undefined, state: CounterState | undefined): void {
    if (counter === undefined) {
      if (state !== undefined) this.counters.add(charge.policy, charge.key, state);
    } else if (state === counter) {
      this.counters.touch(counter);
    } else if (state === undefined) {
      this.counters.remove(counter);
    } else {
      this.counters.update(counter, charge.policy, state);
    }
  }

  private trim(nowMs: number): void {
    const evicted = this.counters.trim(nowMs);
    if (evicted > 0) this.evictionListener?.(evicted);
  }

  private now(): number {
    return Math.floor(this.clock());
  }
}
