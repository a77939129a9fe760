import type { ExecutionContext } from '@nestjs/common';
import { memoryBackend } from './backends/memory/memory.backend.js';
import { toSettings } from './breaker/breaker.options.js';
import type { Backend } from './contracts/backend.js';
import type { CircuitBreakerOptions } from './contracts/breaker.js';
import type { BreakerStateStore } from './contracts/breaker-state.js';
import { RateLimitConfigurationError } from './contracts/errors.js';
import type { PolicyStore } from './contracts/policy-store.js';
import type { Duration, FailureMode, KeyInput, PolicyInput } from './contracts/policy.js';
import { AccessLists, type AccessListOptions } from './policies/access-lists.js';
import { MAX_TIMER_MS, parseDuration } from './policies/duration.js';
import { checkKeyInput } from './policies/key-input.js';
import type { RateLimitTransport } from './transports/transport.js';
import { aBoolean, aFunction, anObject, oneOf, onlyKnown } from './policies/option-checks.js';

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

/** Options after validation, with their defaults. @internal */
export interface RateLimitSettings {
  readonly backend: Backend;
  readonly policies: Readonly<Record<string, PolicyInput>>;
  readonly apply: readonly string[];
  readonly connect: string | undefined;
  readonly transports: readonly RateLimitTransport[];
  readonly policyStore: PolicyStore | undefined;
  readonly breakerState: BreakerStateStore | undefined;
  readonly lists: AccessListOptions;
  readonly key: KeyInput;
  readonly failureMode: FailureMode;
  readonly localShare: number;
  readonly timeoutMs: number;
  readonly circuitBreaker: CircuitBreakerOptions | false;
  readonly headers: HeaderStyle;
  readonly problemDetails: boolean;
  readonly ipv6PrefixBits: number;
  readonly userKey: ((user: unknown) => string | undefined) | undefined;
  readonly hashKeys: boolean | { readonly secret: string };
  readonly skipIf: RateLimitModuleOptions['skipIf'];
  readonly enabled: boolean;
  readonly bindGuard: boolean;
  readonly bindFilter: boolean;
}

/** Token of the options as the application gave them. */
export const RATE_LIMIT_OPTIONS = Symbol.for('nestjs-floodgate:options');

/** Token of `RateLimitSettings`. @internal */
export const RATE_LIMIT_SETTINGS = Symbol.for('nestjs-floodgate:settings');

const OPTIONS: readonly (keyof RateLimitModuleOptions)[] = [
  'backend',
  'policies',
  'apply',
  'connect',
  'transports',
  'policyStore',
  'breakerState',
  'lists',
  'key',
  'failureMode',
  'localShare',
  'timeout',
  'circuitBreaker',
  'headers',
  'problemDetails',
  'ipv6PrefixBits',
  'userKey',
  'hashKeys',
  'skipIf',
  'enabled',
  'isGlobal',
  'bindGuard',
  'bindFilter',
];

const STORE_VERBS = ['read', 'change', 'close'] as const;

const STATE_VERBS = ['open', 'tell', 'claim', 'settle', 'close'] as const;

const VERBS = ['consume', 'peek', 'refund', 'reset', 'ping', 'close'] as const;

/**
 * Validates the module's options, once, at start-up. Policies are validated by the catalog that is made of them.
 *
 * @throws RateLimitConfigurationError naming the option, the value and the mend
 */
export function settingsOf(options: RateLimitModuleOptions): RateLimitSettings {
  anObject('options', options, "Give an object of options, such as { policies: { login: '5/15m' } }.");
  onlyKnown('', options, OPTIONS);
  const settings: RateLimitSettings = {
    backend: options.backend ?? memoryBackend(),
    policies: options.policies ?? {},
    apply: options.apply ?? [],
    connect: options.connect,
    transports: options.transports ?? [],
    policyStore: options.policyStore,
    breakerState: options.breakerState,
    lists: options.lists ?? {},
    key: options.key ?? 'ip',
    failureMode: options.failureMode ?? 'closed',
    localShare: options.localShare ?? 1,
    timeoutMs: parseDuration('timeout', options.timeout ?? 250, MAX_TIMER_MS),
    circuitBreaker: options.circuitBreaker ?? {},
    headers: options.headers ?? 'standard',
    problemDetails: options.problemDetails ?? false,
    ipv6PrefixBits: options.ipv6PrefixBits ?? 64,
    userKey: options.userKey as RateLimitSettings['userKey'],
    // Nothing but leaving it out turns it off: a secret that is missing must not.
    hashKeys: options.hashKeys === undefined ? false : options.hashKeys,
    skipIf: options.skipIf,
    enabled: options.enabled ?? true,
    bindGuard: options.bindGuard ?? true,
    bindFilter: options.bindFilter ?? true,
  };
  checkValues(settings);
  return settings;
}

function checkValues(settings: RateLimitSettings): void {
  const { backend, policies, apply, localShare, ipv6PrefixBits, headers } = settings;
  if (VERBS.some((verb) => typeof backend[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'backend',
      backend,
      'Give memoryBackend(), redisBackend({ url }) or another Backend.',
    );
  }
  anObject('policies', policies, "Give an object of names, such as { login: '5/15m' }.");
  if (!Array.isArray(apply)) {
    throw new RateLimitConfigurationError('apply', apply, "Give an array of policies' names, such as ['default'].");
  }
  const { connect, policyStore } = settings;
  if (connect !== undefined && typeof connect !== 'string') {
    throw new RateLimitConfigurationError('connect', connect, "Give the name of one policy, such as 'connections'.");
  }
  checkTransports(settings.transports);
  if (policyStore !== undefined && STORE_VERBS.some((verb) => typeof policyStore[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'policyStore',
      policyStore,
      'Give filePolicyStore({ path }), redisPolicyStore({ url }), postgresPolicyStore({ pool }) or another PolicyStore.',
    );
  }
  const { breakerState } = settings;
  if (breakerState !== undefined && STATE_VERBS.some((verb) => typeof breakerState[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'breakerState',
      breakerState,
      'Give fileBreakerState({ path }), processBreakerState(), redisBreakerState({ url }) or another BreakerStateStore.',
    );
  }
  new AccessLists(settings.lists);
  checkKeyInput('key', settings.key);
  oneOf('failureMode', settings.failureMode, ['closed', 'open', 'local']);
  if (!(typeof localShare === 'number' && localShare > 0 && localShare <= 1)) {
    throw new RateLimitConfigurationError('localShare', localShare, 'Give a number above 0 and at most 1.');
  }
  if (settings.circuitBreaker !== false) toSettings(settings.circuitBreaker);
  if (headers !== false) oneOf('headers', headers, ['standard', 'legacy', 'both']);
  if (!Number.isInteger(ipv6PrefixBits) || ipv6PrefixBits < 1 || ipv6PrefixBits > 128) {
    throw new RateLimitConfigurationError('ipv6PrefixBits', ipv6PrefixBits, 'Give a whole number from 1 to 128.');
  }
  if (settings.userKey !== undefined) aFunction('userKey', settings.userKey);
  checkHashKeys(settings.hashKeys);
  if (settings.skipIf !== undefined) aFunction('skipIf', settings.skipIf);
  for (const option of ['problemDetails', 'enabled', 'bindGuard', 'bindFilter'] as const) {
    aBoolean(option, settings[option]);
  }
}

/** No error shows what was given: it is a secret, or was meant as one. */
function checkHashKeys(hashKeys: RateLimitSettings['hashKeys']): void {
  if (typeof hashKeys === 'boolean') return;
  const mend = "Give true, or { secret: 'a long random text' }.";
  if (typeof hashKeys !== 'object') throw new RateLimitConfigurationError('hashKeys', typeof hashKeys, mend);
  anObject('hashKeys', hashKeys, mend);
  onlyKnown('hashKeys', hashKeys, ['secret']);
  if (typeof hashKeys.secret === 'string' && hashKeys.secret !== '') return;
  const found = hashKeys.secret === '' ? 'an empty text' : typeof hashKeys.secret;
  throw new RateLimitConfigurationError('hashKeys.secret', found, 'Give a text that is not empty.');
}

function checkTransports(transports: readonly RateLimitTransport[]): void {
  const mend = "Give an array of objects with a name and owns(), such as { name: 'bot', owns: (call) => true }.";
  const isTransport = (one: unknown): boolean =>
    typeof one === 'object' &&
    one !== null &&
    typeof (one as Partial<RateLimitTransport>).name === 'string' &&
    typeof (one as Partial<RateLimitTransport>).owns === 'function';
  if (Array.isArray(transports) && transports.every(isTransport)) return;
  throw new RateLimitConfigurationError('transports', transports, mend);
}
