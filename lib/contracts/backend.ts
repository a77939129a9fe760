import type { CircuitBreakerOptions, CircuitBreakerStatus } from './breaker.js';
import type { DecisionSource, PolicyStatus } from './decision.js';
import type { AlgorithmName, FailureMode, Policy } from './policy.js';

/** One policy applied to one key: what a call consumes of it. */
export interface Charge {
  /** Who is limited: inert, well-formed text of at most 256 characters, bounded and hashed before it gets here. */
  readonly key: string;
  readonly policy: Policy;
  /** Units: a safe integer of at least 0; of a `concurrency` policy at most 1. */
  readonly cost: number;
  /**
   * Name of the slot that a `concurrency` policy gives to a call of cost 1: a safe integer of at least 0, of which no
   * two calls have the same. Whoever charges it gives it back and renews it by this name.
   */
  readonly slot?: number;
}

/** What every verb of a backend is given. */
export interface BackendRequest {
  /** At least one; no two of one policy id and key. */
  readonly charges: readonly Charge[];
  /** Deadline of this call, in ms. The caller stops waiting then; a backend should not hold resources for longer. */
  readonly timeoutMs: number;
}

export interface ConsumeRequest extends BackendRequest {
  /** Charge even where the quota does not suffice: the key goes into debt, and the call is allowed. */
  readonly overdraw?: boolean;
  /**
   * What others have charged here may be given back at any moment (`chargeOn`): a refusal says nothing of the next call, and
   * is not to be remembered. Default false.
   */
  readonly isProvisional?: boolean;
  /** Aborts when the caller stops waiting: a call that a backend has not sent by then need not be. */
  readonly signal?: AbortSignal;
}

/** A charge that is given back, or a part of one. */
export interface Refund extends Charge {
  /**
   * Of a charge to a token bucket: what the bucket then lacked of being full, this charge included, in units x
   * `windowMs`. Each millisecond since `chargedAtMs` has repaid `limit` of it, and no more is given back than is left:
   * a token that was refilled meanwhile is not given back once more. Default: no such bound.
   */
  readonly owed?: number;
}

export interface RefundRequest extends BackendRequest {
  readonly charges: readonly Refund[];
  /** The store's time of the charge that is given back: what has left its window since is not given back again. */
  readonly chargedAtMs?: number;
  /** Name of the backend that charged it: a composite gives back there and nowhere else. */
  readonly backend?: string;
}

/** Slots whose holders are alive. */
export interface RenewRequest extends BackendRequest {
  /** Name of the backend that gave them: a composite renews there and nowhere else. */
  readonly backend?: string;
}

/** What a backend decided. */
export interface Reply {
  /** Every enforced policy allows the call. */
  readonly allowed: boolean;
  /** The store's clock when it decided, ms since the epoch. */
  readonly nowMs: number;
  /** One status for each charge, in the order of the request. */
  readonly policies: readonly PolicyStatus[];
  /** Set by a composite: the member that decided. */
  readonly backend?: string;
  /** Set by a composite: whether that member is its first choice. `cache`: a refusal that `recall` knew. */
  readonly source?: DecisionSource;
}

/** What a backend can do. */
export interface BackendCapabilities {
  readonly algorithms: readonly AlgorithmName[];
  /** Whether a `fixed-window` can be one of the calendar (`Policy#calendar`). Default: no. */
  readonly calendar?: boolean;
}

/**
 * Where counters live: the contract for third parties, proven by the suite in `nestjs-floodgate/testing`.
 *
 * A verb may answer at once or by a promise. A decision is atomic: every policy is charged or none is. An
 * infrastructure failure is thrown as `BackendUnavailableError`; it counts against the breaker and falls under the
 * failure mode. Any other error propagates to the caller as the bug it is.
 */
export interface Backend {
  /** Unique within an application; shown in decisions, health and events. */
  readonly name: string;
  /** Default: every algorithm, and calendar windows. */
  readonly capabilities?: BackendCapabilities;
  /** Options of the breaker around this backend, before the module's. `false`: none. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Charges every policy of the request if all enforced ones allow it, else none. */
  consume(request: ConsumeRequest): Reply | Promise<Reply>;
  /**
   * The refusal that a consume would meet, if it is known without asking the store; its `source` is `cache`. Asked before
   * every consume, also while the circuit is open, so it has to be cheap and must not throw.
   */
  recall?(request: ConsumeRequest): Reply | undefined;
  /** The answer of a consume with cost 0; charges and stores nothing. */
  peek(request: BackendRequest): Reply | Promise<Reply>;
  /** Gives units back, never above the limit; a key that is not there stays away. */
  refund(request: RefundRequest): void | Promise<void>;
  /**
   * Lets each slot that the request names end a lease (`windowMs`) from now, if it is still held; one that is gone stays
   * gone. Needed for `concurrency`.
   */
  renew?(request: RenewRequest): void | Promise<void>;
  /** Forgets the counters of these policies for these keys, blocks included. */
  reset(request: BackendRequest): void | Promise<void>;
  /**
   * Resolves if the store can decide; costs nothing and changes nothing. It asks for what a decision asks for, so that a
   * health check finds what a request would find: a missing permission is a `RateLimitConfigurationError` that names it.
   */
  ping(signal: AbortSignal): void | Promise<void>;
  /**
   * Whether there is a connection, where that is known without asking. Default: always. For drivers that reconnect by
   * themselves; leave it out where a connection is made for the call that needs it. It is looked at when calls come, so
   * it has to be cheap. If it throws, there is a connection.
   *
   * While there is none, an open circuit lets no probe through, for it could only fail and make the outage longer; only
   * when one has been due for `backoffMax` is it made all the same. Once there is a connection again, a probe is due:
   * at once where the circuit has opened for the first time, after a second where a probe failed since, then after three
   * and so on, up to `recoveryTimeout`.
   */
  isConnected?(): boolean;
  /**
   * Tells each time that a connection was made, so that none is missed between two calls: for drivers that reconnect by
   * themselves.
   *
   * @param listener cheap, never throws
   * @returns ends it
   */
  onConnected?(listener: () => void): () => void;
  /**
   * Connects, where the backend keeps a connection of its own: called when an application that uses the backend listens
   * or makes its first call, and no other one uses it. Making a backend opens nothing. A module class with a backend in
   * it is one for all applications that are made of it, one after another or at once: so it may come again after `close`.
   */
  open?(): void;
  /** Releases what the backend opened itself: called when the last application that uses it shuts down. */
  close(): void | Promise<void>;
  /** Tells of a key that was evicted to stay within bounds; set by the module. */
  onEviction?: (listener: (evicted: number) => void) => void;
  /**
   * Tells the store by which quotas this process counts its named policies, and answers what is wrong where another process
   * counts one of the same name by another quota: a message for each, with the mend. The module asks once, when it first
   * uses the backend, and logs the messages. Default: nothing is compared.
   */
  otherQuotas?(policies: readonly Policy[], signal: AbortSignal): Promise<readonly string[]>;
}

/** A backend and its breaker, seen without asking the store. */
export interface BackendStatus {
  readonly failureMode: FailureMode;
  readonly backends: readonly { readonly name: string; readonly breaker: CircuitBreakerStatus | null }[];
}

/** What a live ping found. */
export interface BackendHealth {
  readonly healthy: boolean;
  readonly backends: readonly {
    readonly name: string;
    readonly healthy: boolean;
    readonly latencyMs: number;
    /** One word for an outage; for a mistake, what is wrong and the mend. Never an address or a key. */
    readonly error?: string;
    /** The backend is set up wrongly: calls fail with this error whatever the failure mode. */
    readonly mistake?: boolean;
    readonly breaker: CircuitBreakerStatus | null;
  }[];
  /** Where changes of policies are kept, if the module has such a store. Away, the last known policies hold. */
  readonly policyStore?: { readonly healthy: boolean; readonly error?: string };
}
