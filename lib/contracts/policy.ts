import type { ExecutionContext, Type } from '@nestjs/common';

/**
 * A length of time: a whole number of milliseconds, or a string such as `'250ms'`, `'60s'`, `'5m'`, `'1h'`, `'1d'`.
 */
export type Duration = number | string;

/**
 * A calendar window for `fixed-window`: a day, a week that starts on Monday, or a month, in a time zone. Its length
 * follows the calendar: a month has 28 to 31 days, and a day has 23 or 25 hours when clocks change.
 */
export type CalendarWindow = 'calendar-day' | 'calendar-week' | 'calendar-month';

/**
 * How units are counted.
 *
 * - `sliding-window`: two counters; the previous window fades out while the current one fills. The default.
 * - `fixed-window`: one counter for each window, windows aligned to the epoch.
 * - `token-bucket`: a bucket of `burst` tokens, refilled continuously at `limit` per `window`; starts full.
 * - `sliding-log`: one entry for each unit; exact, for small limits.
 * - `strict-window`: never more than `limit` in any interval of the window's length, with bounded memory.
 * - `concurrency`: a number of calls at the same time; each holds a slot until it ends.
 */
export type AlgorithmName =
  'sliding-window' | 'fixed-window' | 'token-bucket' | 'sliding-log' | 'strict-window' | 'concurrency';

/** The unit of a `concurrency` policy, as draft-ietf-httpapi-ratelimit-headers names it. @internal */
export const CONCURRENT_REQUESTS = 'concurrent-requests';

/** An algorithm that counts units over time. */
export type CountingAlgorithm = Exclude<AlgorithmName, 'concurrency'>;

/** Every algorithm that counts units over time. */
export const COUNTING_ALGORITHMS: readonly CountingAlgorithm[] = [
  'sliding-window',
  'fixed-window',
  'token-bucket',
  'sliding-log',
  'strict-window',
];

/** Every algorithm. */
export const ALGORITHM_NAMES: readonly AlgorithmName[] = [...COUNTING_ALGORITHMS, 'concurrency'];

/**
 * What a call gets if no backend can decide.
 *
 * - `closed`: it is refused with a `BackendUnavailableError` (503 over HTTP). The default.
 * - `open`: it passes, uncounted, as `unenforced`.
 * - `local`: this process decides with its own counters, with `localShare` of each limit.
 */
export type FailureMode = 'closed' | 'open' | 'local';

/** Whether a policy refuses calls (`enforce`, the default) or only counts and reports (`shadow`). */
export type PolicyMode = 'enforce' | 'shadow';

/**
 * Which counter a policy uses that applies in many places: one for all of them (`shared`, the default) or one for each
 * route (`route`).
 */
export type PolicyScope = 'shared' | 'route';

/** A class that returns the partition key of a call, like a `KeyFunction`. Dependency injection resolves it. */
export interface KeyResolver {
  resolve(context: ExecutionContext): string | undefined | Promise<string | undefined>;
}

/**
 * A function that returns the partition key of a call. The key is used unchanged. If it returns `undefined` or `''`,
 * the client's IP address is used, with one warning.
 */
export type KeyFunction = (context: ExecutionContext) => string | undefined | Promise<string | undefined>;

/**
 * Who is limited.
 *
 * - `ip`: the adapter's `request.ip`; IPv6 addresses are grouped by network.
 * - `user`: `request.user`: its `id`, else its `sub`, `userId` or `_id`, or the result of the module's `userKey`; without
 *   a user, the IP address is used.
 * - `user-or-ip`: the same without a warning, for routes with anonymous calls.
 * - `global`: one key for everybody.
 * - `header:x`, `query:x`, `param:x`, `body:x`: that value of the request; if it is missing, the IP address is used.
 * - `ip-from:x`: the address in header `x`, which your proxy must set; if it is missing, the IP address is used.
 * - a function or a class; an array composes several.
 */
export type KeyInput =
  | 'ip'
  | 'user'
  | 'user-or-ip'
  | 'global'
  | `header:${string}`
  | `query:${string}`
  | `param:${string}`
  | `body:${string}`
  | `ip-from:${string}`
  | KeyFunction
  | Type<KeyResolver>
  | readonly KeyInput[];

/** Units that one call consumes: a whole number of at least 0, or a function of the call. */
export type CostInput = number | ((context: ExecutionContext) => number | Promise<number>);

/** Returns true for a call that a limit does not apply to. */
export type SkipFunction = (context: ExecutionContext) => boolean | Promise<boolean>;

/** How a call ended, for a policy with `chargeOn`. */
export interface CallOutcome {
  /** The status that the client got, after exception filters. Only for HTTP. */
  readonly status?: number;
  /** The error of the handler or of its stream, if any. */
  readonly error?: unknown;
  /** The value that the handler returned; of several values, the last. */
  readonly result?: unknown;
}

/**
 * Which calls a policy charges, once their outcome is known.
 *
 * - `failure`: those that end with an error or with a status of 400 and more
 * - `success`: all others
 * - a function: `true` charges the cost of the call, `false` nothing, a number that many units: a whole number of at
 *   least 0, which may be more than the remaining units
 */
export type ChargeOn = 'success' | 'failure' | ((outcome: CallOutcome) => boolean | number);

/**
 * A quota, and how it applies. Set either `rate`, or `limit` and `window`.
 *
 * @example
 * { rate: '100/15m', key: 'user', algorithm: 'token-bucket', burst: 200 }
 */
export interface PolicyOptions {
  /** The name in headers, events and metrics: letters, digits and `_ - . : *`, up to 64. Default: the rate. */
  readonly name?: string;
  /** Units for each window, such as `'100/m'`, `'5/15m'`, `'10/250ms'`. `'unlimited'` or `null`: no limit. */
  readonly rate?: string | null;
  /**
   * Units for each window: a whole number of at least 0. 0 refuses every call that costs anything. `Infinity` or
   * `null`: no limit.
   */
  readonly limit?: number | null;
  /**
   * Length of the window: at least 1 ms, at most 366 days. Or a `CalendarWindow`: `'calendar-day'`, `'calendar-week'`,
   * `'calendar-month'`.
   */
  readonly window?: Duration;
  /** Time zone of a calendar window: an IANA name such as `'Europe/Berlin'`. Default `UTC`. */
  readonly timeZone?: string;
  /** Default `sliding-window`. A calendar window is always a `fixed-window`. */
  readonly algorithm?: AlgorithmName;
  /** Capacity of a token bucket: a whole number of at least 1. Default: `limit`. */
  readonly burst?: number;
  /**
   * How long a slot of `concurrency` is held without being renewed. A running call renews its slot, so this time
   * matters only if its process died. Default `'1m'`.
   */
  readonly leaseTime?: Duration;
  /** Lets calls wait for a slot of `concurrency` instead of being refused. Default: no queue. */
  readonly queue?: PolicyQueue;
  /** Units that one call consumes. Default 1. */
  readonly cost?: CostInput;
  /**
   * Which calls are charged, by their outcome. The guard reserves the cost of a call, and gives units back when the
   * call ends. A charge above the cost can lead to debt. A call stays charged if its client disconnects before the
   * response, or if the function throws. `BackendService` and connections have no outcome, so they always charge.
   * Default: all calls.
   */
  readonly chargeOn?: ChargeOn;
  /** Who is limited. Default: the module's `key`. */
  readonly key?: KeyInput;
  /** What a call gets if no backend can decide. Default: the module's. */
  readonly failureMode?: FailureMode;
  /** Returns true for calls that this policy does not apply to. */
  readonly skipIf?: SkipFunction;
  /** After a refusal, the key is refused for this time, and then has a fresh quota. Default: no block. */
  readonly blockFor?: Duration;
  /**
   * A process takes several units from the store at a time and hands them out itself, never above the limit. Only for
   * `fixed-window` and calendar windows without `blockFor`. `true` adapts the number of units to the traffic. Unused units
   * are given back after a second. Default `false`. The memory backend ignores it.
   */
  readonly lease?: boolean | PolicyLease;
  /** Default `shared`. */
  readonly scope?: PolicyScope;
  /** Default `enforce`. */
  readonly mode?: PolicyMode;
  /** The message of the 429 of this policy. Default: `Too Many Requests`. */
  readonly message?: string;
  /**
   * What is counted, such as `'tokens'` or `'content-bytes'`: the parameter `qu` of the header `RateLimit-Policy`.
   * Letters, digits and `_ - . : *`, up to 64. Default `requests`, which the header omits.
   */
  readonly unit?: string;
}

/** A queue in this process for calls that wait for a slot, one for each policy and key. */
export interface PolicyQueue {
  /** The maximum number of waiting calls; further calls are refused. A whole number of at least 1. */
  readonly size: number;
  /** How long a call waits before it is refused. */
  readonly maxWait: Duration;
  /** Which call is next: the oldest (`fifo`, the default) or the newest (`lifo`). */
  readonly order?: 'fifo' | 'lifo';
}

/** How many units a process takes from the store at a time. */
export interface PolicyLease {
  /**
   * Units of one debit, including the cost of the call: a whole number from 1 to the limit. A process that is killed loses
   * at most this many units of a key, until their window ends. `auto` (the default) takes what the key uses in about 100 ms,
   * and at most a sixteenth of what is left.
   */
  readonly size?: 'auto' | number;
}

/** The result of a policy resolver: one policy, several, or none (`null`, `undefined`, `[]`), which means no limit. */
export type PolicyAnswer = PolicyInput | null | undefined | readonly (PolicyInput | null | undefined)[];

/**
 * A class that returns the policies of a call. Dependency injection resolves it. It is called once for each request.
 */
export interface PolicyResolver {
  resolve(context: ExecutionContext): PolicyAnswer | Promise<PolicyAnswer>;
}

/** A function that returns the policies of a call. It is called once for each request. */
export type PolicyFunction = (context: ExecutionContext) => PolicyAnswer | Promise<PolicyAnswer>;

/**
 * The name of a policy (`'login'`), a rate (`'100/m'`, `'unlimited'`), options, or a resolver that finds the policies
 * of each call.
 */
export type PolicyInput = string | PolicyOptions | PolicyFunction | Type<PolicyResolver>;

/**
 * A quota after validation, as algorithms and backends receive it. Plain data; all times in milliseconds.
 *
 * Bounds that validation guarantees, so that integer arithmetic can be exact:
 *
 * - `sliding-window`: `limit x windowMs` is at most 2^52, or `limit` is below 2^35, as `windowMs` always is;
 * - `token-bucket`: `limit x windowMs` and `burst x windowMs` are at most 2^52, where `limit x windowMs` is more, after both
 *   `limit` and `windowMs` are divided by their greatest common divisor;
 * - `fixed-window`, `strict-window`: `limit` is a safe integer;
 * - `sliding-log`, `concurrency`: `limit` is at most 10,000.
 */
export interface Policy {
  /** The id of its counter: two policies with the same id and key share a counter. */
  readonly id: string;
  /** Name shown in headers and events. */
  readonly name: string;
  readonly algorithm: AlgorithmName;
  readonly limit: number;
  /**
   * For a calendar window: its usual length (31 days for a month); statuses have the length of the current window. For
   * `concurrency`: how long a slot is held without being renewed.
   */
  readonly windowMs: number;
  /** The windows follow the calendar in `timeZone`, instead of multiples of `windowMs`. Only with `fixed-window`. */
  readonly calendar?: CalendarWindow;
  /** IANA name. Default `UTC`. */
  readonly timeZone?: string;
  /** Capacity of a token bucket; equal to `limit` for the other algorithms. */
  readonly burst: number;
  /** 0: no block. */
  readonly blockForMs: number;
  readonly mode: PolicyMode;
  /** Units of one debit in advance. Only with `fixed-window`. Backends ignore it: the limiter handles leases. */
  readonly lease?: 'auto' | number;
  /** What is counted; `undefined`: requests. A backend copies it to the status. */
  readonly unit?: string | undefined;
}
