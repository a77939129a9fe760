import type { ExecutionContext } from '@nestjs/common';
import type { Backend } from './contracts/backend.js';
import type { CircuitBreakerOptions } from './contracts/breaker.js';
import type { BreakerStateStore } from './contracts/breaker-state.js';
import type { PolicyStore } from './contracts/policy-store.js';
import type { Duration, FailureMode, KeyInput, PolicyInput } from './contracts/policy.js';
import { type AccessListOptions } from './policies/access-lists.js';
import type { RateLimitTransport } from './transports/transport.js';

/**
 * The rate-limit headers of responses: `standard`, the fields of the IETF draft; `legacy`, the common `X-RateLimit-*`
 * headers; `both`; or `false`, none.
 */
export type HeaderStyle = 'standard' | 'legacy' | 'both' | false;

/**
 * Options of `RateLimitModule`. All have defaults. A wrong option stops the start-up with a message that names it and
 * says what to write.
 */
export interface RateLimitModuleOptions {
  /** Where counters are stored. Default `memoryBackend()`: in this process. */
  readonly backend?: Backend;
  /** Policies by name, for `apply`, decorators and `BackendService`. Default: none. */
  readonly policies?: Readonly<Record<string, PolicyInput>>;
  /**
   * Names of policies that apply to every HTTP route and every GraphQL root field, unless a decorator changes that.
   * Default: none.
   */
  readonly apply?: readonly string[];
  /**
   * Name of a policy that counts each connection of a WebSocket client, by IP address unless the policy has another
   * key. A refused connection gets an error and is closed. Default: none.
   */
  readonly connect?: string;
  /** Custom transports. They are tried before those of the module. Default: none. */
  readonly transports?: readonly RateLimitTransport[];
  /**
   * Stores the changes of `RateLimitPolicies` for all processes and across restarts: `filePolicyStore`,
   * `redisPolicyStore`, `postgresPolicyStore` or a custom store. Default: a change applies in this process only, until
   * the process ends.
   */
  readonly policyStore?: PolicyStore;
  /**
   * Stores open circuits across restarts and shares them between processes: `fileBreakerState`, `processBreakerState`,
   * `redisBreakerState`, `postgresBreakerState` or a custom store. Default: each process has its own circuits.
   */
  readonly breakerState?: BreakerStateStore;
  /** Keys that pass uncounted, and keys that are refused without a call to the backend. Default: none. */
  readonly lists?: AccessListOptions;
  /** Who is limited, if the policy does not say. Default `ip`. */
  readonly key?: KeyInput;
  /** What a call gets if no backend can decide and the policy does not say. Default `closed`. */
  readonly failureMode?: FailureMode;
  /**
   * The share of each limit that failure mode `local` enforces in this process: above 0, at most 1. Default 1. The
   * share of any limit except 0 is at least one unit. A call that costs more than the share is refused during the
   * outage; its `retryAfterMs` is the time of the next probe.
   */
  readonly localShare?: number;
  /** Deadline of one call to a backend, at most 24 days. Default 250 ms. */
  readonly timeout?: Duration;
  /** Options of the breaker around each backend that has no options itself; `false`: no breaker. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Rate-limit headers of responses. Default `standard`. `Retry-After` is always sent. */
  readonly headers?: HeaderStyle;
  /**
   * Whether the module's filters send 429 and 503 as problem details (RFC 9457). Default false: the usual bodies of
   * Nest.
   */
  readonly problemDetails?: boolean;
  /** IPv6 addresses are grouped by a network prefix of this many bits, 1 to 128. Default 64. */
  readonly ipv6PrefixBits?: number;
  /**
   * Returns the id of `request.user` for the keys `user` and `user-or-ip`. If it returns `undefined` or `''`, the
   * client's IP address is used. Default: the first of `id`, `sub`, `userId` and `_id` that is a text, a number, or an
   * object that converts to text.
   */
  // A method, so that it accepts a function of the application's own user type.
  userKey?(this: void, user: unknown): string | undefined;
  /**
   * Whether keys are stored and emitted only as keyed hashes (HMAC-SHA-256). Then the store and traces of its commands
   * contain no IP address and no user id. `{ secret }`: the application's secret, the same in all its processes.
   * `true`: a fixed public secret, which hides keys at first sight, but not from somebody who tries all addresses. If
   * you change the secret, all counters start again. Default false.
   */
  readonly hashKeys?: boolean | { readonly secret: string };
  /** Returns true for calls that no limit applies to. */
  readonly skipIf?: (context: ExecutionContext) => boolean | Promise<boolean>;
  /** False: every call passes as `unenforced`, with reason `disabled`. Default true. */
  readonly enabled?: boolean;
  /** Whether other modules can inject the exports of this one without importing it. Default true. */
  readonly isGlobal?: boolean;
  /** Whether `RateLimitGuard` is bound to all routes. Default true. */
  readonly bindGuard?: boolean;
  /**
   * Whether the module's filters are bound to all routes: one answers an outage with 503, the other adds `Retry-After`
   * to the 429 of a lease. They run before global filters of the application, and after those of controllers and
   * methods. Other errors pass to the application's filters. Default true.
   */
  readonly bindFilter?: boolean;
}

/** Injection token of the options, as the application passed them. */
export const RATE_LIMIT_OPTIONS = Symbol.for('nestjs-floodgate:options');
