import { admits, advance, charge, isFresh, refund, refuse, statusOf, type CounterState } from '../../algorithms/counter.js';
import type { Backend, BackendRequest, Charge, ConsumeRequest, RefundRequest, Reply } from '../../contracts/backend.js';
import type { Clock } from '../../contracts/breaker.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { CounterStore } from './counter-store.js';
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
  return new MemoryBackend(options);
}

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
    this.counters = new CounterStore(maxKeys, (count) => this.evictionListener?.(count));
  }

  consume({ charges, overdraw = false }: ConsumeRequest): Reply {
    const nowMs = this.now();
    const states: CounterState[] = [];
    const admitted: boolean[] = [];
    let allowed = true;
    for (const { policy, key, cost } of charges) {
      const state = advance(this.counters.get(policy, key), policy, nowMs);
      const passes = overdraw || admits(state, policy, cost, nowMs);
      states.push(state);
      admitted.push(passes);
      if (!passes && policy.mode === 'enforce') allowed = false;
    }
    const policies = charges.map((one, index) =>
      this.settle(one, states[index] as CounterState, admitted[index] as boolean, allowed, nowMs),
    );
    return { allowed, nowMs, policies };
  }

  peek({ charges }: BackendRequest): Reply {
    const nowMs = this.now();
    const policies = charges.map(({ policy, key }) =>
      statusOf(advance(this.counters.get(policy, key), policy, nowMs), policy, 0, true, nowMs),
    );
    return { allowed: true, nowMs, policies };
  }

  refund({ charges, chargedAtMs }: RefundRequest): void {
    const nowMs = this.now();
    for (const { policy, key, cost } of charges) {
      const stored = this.counters.get(policy, key);
      if (stored === undefined) continue;
      const state = refund(advance(stored, policy, nowMs), policy, cost, nowMs, chargedAtMs);
      this.counters.set(policy, key, state, nowMs);
    }
  }

  reset({ charges }: BackendRequest): void {
    for (const { policy, key } of charges) this.counters.delete(policy, key);
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

  /** Stores what a call leaves behind, and tells of it. What was not charged must not make a key live. */
  private settle(
    { policy, key, cost }: Charge,
    state: CounterState,
    admitted: boolean,
    allowed: boolean,
    nowMs: number,
  ): PolicyStatus {
    let next = state;
    if (!admitted) next = refuse(state, policy, cost, nowMs);
    else if (allowed) next = charge(state, policy, cost, nowMs);
    if (next !== state || !isFresh(state, policy, nowMs)) this.counters.set(policy, key, next, nowMs);
    return statusOf(next, policy, cost, admitted, nowMs);
  }

  private now(): number {
    return Math.floor(this.clock());
  }
}
