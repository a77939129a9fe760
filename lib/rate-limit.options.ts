import type { ExecutionContext } from '@nestjs/common';
import type { Backend } from './contracts/backend.js';
import type { CircuitBreakerOptions } from './contracts/breaker.js';
import type { BreakerStateStore } from './contracts/breaker-state.js';
import type { PolicyStore } from './contracts/policy-store.js';
import type { Duration, FailureMode, KeyInput, PolicyInput } from './contracts/policy.js';
import { type AccessListOptions } from './policies/access-lists.js';
import type { RateLimitTransport } from './transports/transport.js';

/**
 * Which rate-limit headers responses carry: `standard`, as the IETF's draft; `legacy`, the customary `X-RateLimit-`
 * ones; both; or none.
 */
export type HeaderStyle = 'standard' | 'legacy' | 'both' | false;

/** Options of `RateLimitModule`. All have defaults; a wrong one stops the start with its name and the mend. */
export interface RateLimitModuleOptions {
  /** Where counters live. Default `memoryBackend()`: in this process. */
  readonly backend?: Backend;
  /** Policies by name, for `apply`, decorators and `BackendService`. Default: none. */
  readonly policies?: Readonly<Record<string, PolicyInput>>;
  /**
   * Names of policies that every HTTP route and every root field of GraphQL gets, unless it says otherwise. Default:
   * none.
   */
  readonly apply?: readonly string[];
  /**
   * Name of a policy that counts each connection of a WebSocket client, by address unless it says otherwise. One that is
   * refused is told so and closed. Default: none.
   */
  readonly connect?: string;
  /** Transports of your own, asked before those of the module. Default: none. */
  readonly transports?: readonly RateLimitTransport[];
  /**
   * Keeps what `RateLimitPolicies` changes, for all processes and across restarts: `filePolicyStore`,
   * `redisPolicyStore`, `postgresPolicyStore`, or one of your own. Default: changes hold in this process and until it ends.
   */
  readonly policyStore?: PolicyStore;
  /**
   * Keeps open circuits over a restart, and shares them among processes: `fileBreakerState`, `processBreakerState`,
   * `redisBreakerState`, `postgresBreakerState`, or one of your own. Default: each process knows its own alone.
   */
  readonly breakerState?: BreakerStateStore;
  /** Keys that pass uncounted, and keys that are refused without asking a backend. Default: none. */
  readonly lists?: AccessListOptions;
  /** Who is limited, where a policy does not say. Default `ip`. */
  readonly key?: KeyInput;
  /** What a call gets when no backend can decide, where a policy does not say. Default `closed`. */
  readonly failureMode?: FailureMode;
  /**
   * Share of each limit that failure mode `local` enforces in this process: above 0, at most 1. Default 1. A share of
   * any limit but 0 is at least one unit. A call that costs more than the share is refused for as long as the outage
   * lasts; its `retryAfterMs` is when the backend is tried again.
   */
  readonly localShare?: number;
  /** Deadline of one call to a backend, at most 24 days. Default 250 ms. */
  readonly timeout?: Duration;
  /** Options of the breaker around each backend that brings none of its own; `false`: none. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Rate-limit headers of responses. Default `standard`; `Retry-After` is sent in any case. */
  readonly headers?: HeaderStyle;
  /**
   * Bodies of 429 and 503 as RFC 9457 problem details, where the module's filters answer. Default false: Nest's usual
   * bodies.
   */
  readonly problemDetails?: boolean;
  /** Length of the network prefix by which IPv6 addresses are grouped, in bits, 1 to 128. Default 64. */
  readonly ipv6PrefixBits?: number;
  /**
   * Who `request.user` is, for the keys `user` and `user-or-ip`; `undefined` or `''`: nobody, and the address is used.
   * Default: the first of `id`, `sub`, `userId` and `_id` that is a text, a number or an object with a text of its own.
   */
  // A method, so that a function of the application's own type of user is welcome.
  userKey?(this: void, user: unknown): string | undefined;
  /**
   * Whether keys are stored and emitted as keyed hashes (HMAC-SHA-256) only, so that no address and no user id is in the
   * store or in a trace of its commands. `true`: under a secret that is the same for everybody, which hides keys from a
   * glance, not from somebody who tries all addresses; `{ secret }`: under one of the application's, the same in all
   * its processes. Another secret begins all counters anew. Default false.
   */
  readonly hashKeys?: boolean | { readonly secret: string };
  /** Leaves calls out of all limits. */
  readonly skipIf?: (context: ExecutionContext) => boolean | Promise<boolean>;
  /** False: every call passes as `unenforced`, reason `disabled`. Default true. */
  readonly enabled?: boolean;
  /** Whether other modules can inject what this one exports without importing it. Default true. */
  readonly isGlobal?: boolean;
  /** Whether `RateLimitGuard` is bound to all routes. Default true. */
  readonly bindGuard?: boolean;
  /**
   * Whether the filters are bound to all routes: the one that answers 503, and the one that gives a lease's 429 its
   * `Retry-After`. They come before global filters of the application, and after those of controllers and methods; what
   * is no outage they leave to the application's. Default true.
   */
  readonly bindFilter?: boolean;
}

/** Token of the options as the application gave them. */
export const RATE_LIMIT_OPTIONS = Symbol.for('nestjs-floodgate:options');
