import { MAX_PRODUCT } from '../algorithms/algorithm.js';
import { canNeverPass } from '../algorithms/counter.js';
import { exactBucketLimit, refillOf } from '../algorithms/quotient.js';
import type {
  BackendRequest,
  Charge,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../contracts/backend.js';
import type { Clock } from '../contracts/breaker.js';
import { CLEAR } from '../contracts/clearable.js';
import type { Policy } from '../contracts/policy.js';
import { MemoryBackend } from '../backends/memory/memory.backend.js';

/** Minimum `retryAfterMs` until the next attempt at the backend, in ms. */
const LEAST_WAIT_MS = 1_000;

/** The backend name of this process in decisions. */
export const LOCAL = 'local';

/** Enforces policies in memory while no backend can decide (`failureMode: 'local'`), each with a share of its limit. */
export class LocalLimiter {
  private readonly memory: MemoryBackend;
  private readonly scaled = new WeakMap<Policy, Policy>();

  /**
   * @param share share of each limit that this process enforces, above 0 and at most 1
   * @param clock milliseconds since the epoch; default: the clock of the process
   */
  constructor(
    private readonly share: number,
    clock?: Clock,
  ) {
    this.memory = new MemoryBackend({ name: LOCAL, ...(clock !== undefined && { clock }) });
  }

  /** Counters held. */
  get size(): number {
    return this.memory.size;
  }

  /** @param backInMs time until the next attempt at the backend */
  consume(request: ConsumeRequest, backInMs: number): Reply {
    return this.untilBack(this.memory.consume(this.shared(request)), request, backInMs);
  }

  /** @param backInMs time until the next attempt at the backend */
  peek(request: BackendRequest, backInMs: number): Reply {
    return this.untilBack(this.memory.peek(this.shared(request)), request, backInMs);
  }

  refund(request: RefundRequest): void {
    this.memory.refund(this.shared(request));
  }

  renew(request: RenewRequest): void {
    this.memory.renew(this.shared(request));
  }

  reset(request: BackendRequest): void {
    this.memory.reset(this.shared(request));
  }

  /** Forgets all counters. */
  clear(): void {
    this.memory[CLEAR]();
  }

  /**
   * A call that exceeds the share may still be within the limit: it should come back when the backend may work again.
   */
  private untilBack(reply: Reply, { charges }: BackendRequest, backInMs: number): Reply {
    const policies = reply.policies.map((status, index) => {
      const { policy, cost } = charges[index] as Charge;
      const passesThere = status.retryAfterMs === null && !canNeverPass(policy, cost);
      return passesThere ? { ...status, retryAfterMs: Math.max(LEAST_WAIT_MS, backInMs) } : status;
    });
    return { ...reply, policies };
  }

  private shared<R extends BackendRequest>(request: R): R {
    const charges = request.charges.map((charge) => ({ ...charge, policy: this.scale(charge.policy) }));
    return { ...request, charges };
  }

  private scale(policy: Policy): Policy {
    if (this.share === 1) return policy;
    let scaled = this.scaled.get(policy);
    if (scaled === undefined) {
      scaled = exactly({ ...policy, limit: this.part(policy.limit), burst: this.part(policy.burst) });
      this.scaled.set(policy, scaled);
    }
    return scaled;
  }

  /** A share of a limit; at least 1, so that a small limit does not become a refusal of everything. */
  private part(units: number): number {
    return units === 0 ? 0 : Math.max(1, Math.floor(units * this.share));
  }
}

/** A bucket counts exactly only if a large limit is round; a share of a round limit may not be. */
function exactly(policy: Policy): Policy {
  const { algorithm, windowMs, burst } = policy;
  if (algorithm !== 'token-bucket' || policy.limit === 0) return policy;
  const limit = exactBucketLimit(policy.limit, windowMs);
  const most = burst === policy.limit ? limit : burst;
  return { ...policy, limit, burst: Math.min(most, Math.floor(MAX_PRODUCT / refillOf(limit, windowMs).token)) };
}
