import {
  admits,
  advance,
  charge,
  isDisplaced,
  refund,
  refuse,
  resetAfterMs,
  statusOf,
  type CounterState,
} from '../../algorithms/counter.js';
import type { Backend, BackendRequest, Charge, ConsumeRequest, RefundRequest, Reply } from '../../contracts/backend.js';
import type { Clock } from '../../contracts/breaker.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { Policy } from '../../contracts/policy.js';
import { onlyKnown } from '../../policies/option-checks.js';
import { CounterStore, type Counter } from './counter-store.js';
import { epochClock } from './epoch-clock.js';

/** Options of `memoryBackend()`. */
export interface MemoryBackendOptions {
  /** Most counters held, one for each key and policy; the least recently used goes first. Default 100,000. */
  readonly maxKeys?: number;
  /** Milliseconds since the epoch. Default: a clock of the process that never steps back. */
  readonly clock?: Clock;
  /** Default `memory`. */
  readonly name?: string;
}

/**
 * Counters in this process: exact, synchronous, and gone with it. Several processes count apart; use Redis for those.
 *
 * @throws RateLimitConfigurationError if `maxKeys` is not a whole number of at least 1
 */
export function memoryBackend(options: MemoryBackendOptions = {}): Backend {
  onlyKnown('memoryBackend', options, ['maxKeys', 'clock', 'name']);
  return new MemoryBackend(options);
}

/** One charge of a call and what its policy says of it, before anything is stored. */
interface Attempt {
  readonly charge: Charge;
  readonly counter: Counter | undefined;
  /** The counter's state as of now. */
  readonly state: CounterState;
  readonly admitted: boolean;
}

const mayPass = ({ admitted, charge }: Attempt): boolean => admitted || charge.policy.mode === 'shadow';

/** The backend behind `memoryBackend()`; every verb answers at once. */
export class MemoryBackend implements Backend {
  readonly name: string;
  private readonly clock: Clock;
  private readonly counters: CounterStore;
  private evictionListener: ((count: number) => void) | undefined;

  constructor({ name = 'memory', maxKeys = 100_000, clock = epochClock }: MemoryBackendOptions) {
    if (!Number.isSafeInteger(maxKeys) || maxKeys < 1) {
      throw new RateLimitConfigurationError('memoryBackend.maxKeys', maxKeys, 'Give a whole number of at least 1.');
    }
    this.name = name;
    this.clock = clock;
    this.counters = new CounterStore(maxKeys);
  }

  consume({ charges, overdraw = false }: ConsumeRequest): Reply {
    const nowMs = this.now();
    const reply =
      charges.length === 1
        ? this.consumeOne(charges[0] as Charge, overdraw, nowMs)
        : this.consumeAll(charges, overdraw, nowMs);
    this.trim(nowMs);
    return reply;
  }

  peek({ charges }: BackendRequest): Reply {
    const nowMs = this.now();
    const policies = charges.map(({ policy, key }) =>
      statusOf(advance(this.counters.find(policy, key)?.state, policy, nowMs), policy, 0, true, nowMs),
    );
    return { allowed: true, nowMs, policies };
  }

  refund({ charges, chargedAtMs }: RefundRequest): void {
    const nowMs = this.now();
    for (const { policy, key, cost, owed } of charges) {
      const counter = this.counters.find(policy, key);
      if (counter === undefined) continue;
      const state = advance(counter.state, policy, nowMs);
      const next = refund(state, policy, cost, nowMs, chargedAtMs, owed);
      this.store(policy, key, counter, state, next, resetAfterMs(next, policy, nowMs) === 0, nowMs);
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

  onEviction(listener: (count: number) => void): void {
    this.evictionListener = listener;
  }

  private consumeAll(charges: readonly Charge[], overdraw: boolean, nowMs: number): Reply {
    const attempts = charges.map((one) => this.attempt(one, overdraw, nowMs));
    const allowed = attempts.every(mayPass);
    return { allowed, nowMs, policies: attempts.map((one) => this.settle(one, allowed, nowMs)) };
  }

  /** The same, without the lists: most calls have one policy. */
  private consumeOne(charge: Charge, overdraw: boolean, nowMs: number): Reply {
    const attempt = this.attempt(charge, overdraw, nowMs);
    const allowed = mayPass(attempt);
    return { allowed, nowMs, policies: [this.settle(attempt, allowed, nowMs)] };
  }

  private attempt(charge: Charge, overdraw: boolean, nowMs: number): Attempt {
    const { policy, key, cost } = charge;
    const counter = this.counters.find(policy, key);
    const state = advance(counter?.state, policy, nowMs);
    return { charge, counter, state, admitted: overdraw || admits(state, policy, cost, nowMs) };
  }

  /** Stores what a call leaves behind, and tells of it. */
  private settle({ charge: one, counter, state, admitted }: Attempt, allowed: boolean, nowMs: number): PolicyStatus {
    const { policy, key, cost } = one;
    let next = state;
    if (!admitted) next = refuse(state, policy, cost, nowMs);
    else if (allowed) next = charge(state, policy, cost, nowMs);
    const status = statusOf(next, policy, cost, admitted, nowMs);
    this.store(policy, key, counter, state, next, status.resetAfterMs === 0, nowMs);
    return status;
  }

  /** Writes a counter that a call changed or that is displaced; the others only stay in use. */
  private store(
    policy: Policy,
    key: string,
    counter: Counter | undefined,
    state: CounterState,
    next: CounterState,
    fresh: boolean,
    nowMs: number,
  ): void {
    if (counter === undefined) {
      if (next !== state) this.counters.add(policy, key, next);
    } else if (next === state && !isDisplaced(counter.state, policy, nowMs)) {
      this.counters.touch(counter);
    } else if (fresh) {
      this.counters.remove(counter);
    } else {
      this.counters.update(counter, policy, next);
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
