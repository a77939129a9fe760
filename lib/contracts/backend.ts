import type { CircuitBreakerOptions, CircuitBreakerStatus } from './breaker.js';
import type { DecisionSource, PolicyStatus } from './decision.js';
import type { AlgorithmName, FailureMode, Policy } from './policy.js';

/** One policy, one key, and the units that a call consumes. */
export interface Charge {
  /** Who is limited: well-formed text of at most 256 characters. Long keys were hashed before. */
  readonly key: string;
  readonly policy: Policy;
  /** Units: a safe integer of at least 0; for a `concurrency` policy at most 1. */
  readonly cost: number;
  /**
   * The id of the slot of a `concurrency` policy, for a call of cost 1: a safe integer of at least 0, unique for each
   * call. The caller uses the same id to renew the slot and to give it back.
   */
  readonly slot?: number;
}

/** The common part of all requests to a backend. */
export interface BackendRequest {
  /** At least one charge. No two have the same policy id and key. */
  readonly charges: readonly Charge[];
  /** Deadline of this call, in ms. The caller stops waiting then, and the backend should not hold resources longer. */
  readonly timeoutMs: number;
}

export interface ConsumeRequest extends BackendRequest {
  /** Charge even if the quota is not enough: the key goes into debt, and the call is allowed. */
  readonly overdraw?: boolean;
  /**
   * Other calls may give their units back at any moment (`chargeOn`). So a refusal is not valid for the next call, and
   * must not be remembered. Default false.
   */
  readonly isProvisional?: boolean;
  /** Aborts when the caller stops waiting. If the backend has not sent the call by then, it does not need to. */
  readonly signal?: AbortSignal;
}

/** A charge that is given back, in whole or in part. */
export interface Refund extends Charge {
  /**
   * For a charge to a token bucket: the units that the bucket was missing after this charge, times `windowMs`. Each
   * millisecond since `chargedAtMs` has repaid `limit` of it. Only the rest is given back, so a refilled token is not
   * given back twice. Default: no such bound.
   */
  readonly owed?: number;
}

export interface RefundRequest extends BackendRequest {
  readonly charges: readonly Refund[];
  /** The store's time of the charge. Units that have left their window since then are not given back. */
  readonly chargedAtMs?: number;
  /** The backend that charged. A composite gives units back only there. */
  readonly backend?: string;
}

/** Slots of calls that still run. */
export interface RenewRequest extends BackendRequest {
  /** The backend that gave the slots. A composite renews only there. */
  readonly backend?: string;
}

/** The decision of a backend. */
export interface Reply {
  /** Whether every enforced policy allows the call. */
  readonly allowed: boolean;
  /** The store's clock at the decision, ms since the epoch. */
  readonly nowMs: number;
  /** One status for each charge, in the order of the request. */
  readonly policies: readonly PolicyStatus[];
  /** Set by a composite: the member that decided. */
  readonly backend?: string;
  /** Set by a composite: whether that member is its first choice. `cache`: a refusal from `recall`. */
  readonly source?: DecisionSource;
}

/** What a backend supports. */
export interface BackendCapabilities {
  readonly algorithms: readonly AlgorithmName[];
  /** Whether a `fixed-window` can follow the calendar (`Policy#calendar`). Default: no. */
  readonly calendar?: boolean;
}

/**
 * A store of counters: the contract for custom backends. The suite in `nestjs-floodgate/testing` tests it.
 *
 * A method can return its result or a promise. A decision is atomic: every policy is charged, or none. An
 * infrastructure failure is thrown as `BackendUnavailableError`. It counts in the circuit breaker, and the failure mode
 * answers the call. Every other error is treated as a bug and reaches the caller.
 */
export interface Backend {
  /** Unique within an application; shown in decisions, health and events. */
  readonly name: string;
  /** Default: every algorithm, and calendar windows. */
  readonly capabilities?: BackendCapabilities;
  /** Options of the breaker around this backend. They override the module's. `false`: no breaker. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Charges every policy of the request if all enforced ones allow it, else none. */
  consume(request: ConsumeRequest): Reply | Promise<Reply>;
  /**
   * Returns the refusal of a consume if it is known without asking the store; its `source` is `cache`. It is called
   * before every consume, also while the circuit is open, so it must be cheap and must not throw.
   */
  recall?(request: ConsumeRequest): Reply | undefined;
  /** Returns what a consume with cost 0 would return. Charges and stores nothing. */
  peek(request: BackendRequest): Reply | Promise<Reply>;
  /** Gives units back, never above the limit. A missing key stays missing. */
  refund(request: RefundRequest): void | Promise<void>;
  /**
   * Extends the lease of each slot in the request to `windowMs` from now, if the slot is still held. A lost slot stays
   * lost. Needed for `concurrency`.
   */
  renew?(request: RenewRequest): void | Promise<void>;
  /** Forgets the counters of these policies for these keys, blocks included. */
  reset(request: BackendRequest): void | Promise<void>;
  /**
   * Resolves if the store can decide. Costs nothing and changes nothing. It needs the same permissions as a decision,
   * so a health check finds the same problems as a request: a missing permission is a `RateLimitConfigurationError`
   * that names it.
   */
  ping(signal: AbortSignal): void | Promise<void>;
  /**
   * Whether there is a connection, if the backend knows it without asking. Default: always. For drivers that reconnect
   * by themselves; omit it if the driver connects only when a call needs it. It is called when calls arrive, so it must
   * be cheap. If it throws, it counts as connected.
   *
   * Without a connection, an open circuit sends no probe, because the probe would fail and make the outage longer. Only
   * after a probe was due for `backoffMax` is it sent anyway. With a new connection, a probe is due immediately if the
   * circuit opened for the first time, after a second if one probe failed, then after three seconds and so on, up to
   * `recoveryTimeout`.
   */
  isConnected?(): boolean;
  /**
   * Reports each new connection, so that no connection between two calls is missed. For drivers that reconnect by
   * themselves.
   *
   * @param listener cheap, never throws
   * @returns a function that removes the listener
   */
  onConnected?(listener: () => void): () => void;
  /**
   * Connects, if the backend has its own connection. Creating a backend opens nothing. The method is called when an
   * application listens or makes its first call, unless another application uses the backend already. Several
   * applications can use one backend at the same time or in turn, so the method can be called again after `close`.
   */
  open?(): void;
  /** Closes what the backend opened itself. Called when the last application that uses it shuts down. */
  close(): void | Promise<void>;
  /** Reports counters that were dropped to stay within bounds. The module sets it. */
  onEviction?: (listener: (evicted: number) => void) => void;
  /**
   * Stores the quotas of this process's named policies, and compares them with those of other processes. Returns a
   * message with the fix for each policy name with different quotas. The module calls it once, when it first uses the
   * backend, and logs the messages. Default: nothing is compared.
   */
  otherQuotas?(policies: readonly Policy[], signal: AbortSignal): Promise<readonly string[]>;
}

/** The backends and their breakers, read without asking the store. */
export interface BackendStatus {
  readonly failureMode: FailureMode;
  readonly backends: readonly { readonly name: string; readonly breaker: CircuitBreakerStatus | null }[];
}

/** The result of a live ping. */
export interface BackendHealth {
  readonly healthy: boolean;
  readonly backends: readonly {
    readonly name: string;
    readonly healthy: boolean;
    readonly latencyMs: number;
    /** One word for an outage; for a configuration mistake, the problem and the fix. Never an address or a key. */
    readonly error?: string;
    /** The backend is configured wrongly: calls fail with this error in every failure mode. */
    readonly mistake?: boolean;
    readonly breaker: CircuitBreakerStatus | null;
  }[];
  /** The policy store, if the module has one. If it is not available, the last known policies apply. */
  readonly policyStore?: { readonly healthy: boolean; readonly error?: string };
}
