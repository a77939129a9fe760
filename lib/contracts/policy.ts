import type { ExecutionContext, Type } from '@nestjs/common';

/**
 * A length of time: a whole number of milliseconds, or a string such as `'250ms'`, `'60s'`, `'5m'`, `'1h'`, `'1d'`.
 */
export type Duration = number | string;

/**
 * A window of the calendar, for `fixed-window`: a day, a week that begins on Monday, or a month, by the clocks of a time
 * zone. Its length is what the calendar makes it: a month has 28 to 31 days, and a day 23 or 25 hours where clocks
 * change.
 */
export type CalendarWindow = 'calendar-day' | 'calendar-week' | 'calendar-month';

/**
 * How units are counted.
 *
 * - `sliding-window`: two counters; the previous window fades out while the current one fills. The default.
 * - `fixed-window`: one counter for each window, windows aligned to the epoch.
 * - `token-bucket`: a bucket of `burst` tokens, refilled continuously at `limit` per `window`; starts full.
 * - `sliding-log`: one entry for each unit; exact, and made for small limits.
 * - `strict-window`: never more than `limit` in any interval of the window's length, in bounded space for any limit.
 * - `concurrency`: so many calls at a time; each holds a slot until it ends.
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
 * What a call gets when no backend can decide.
 *
 * - `closed`: it is refused with a `BackendUnavailableError` (503 over HTTP). The default.
 * - `open`: it passes, uncounted, as `unenforced`.
 * - `local`: this process decides with counters of its own, at `localShare` of each limit.
 */
export type FailureMode = 'closed' | 'open' | 'local';

/** Whether a policy refuses calls (`enforce`, the default) or only counts and reports (`shadow`). */
export type PolicyMode = 'enforce' | 'shadow';

/**
 * Whose counter a policy that is used in many places has: one for all of them (`shared`, the default) or one for each
 * route (`route`).
 */
export type PolicyScope = 'shared' | 'route';

/** Finds the partition key of a call, as a `KeyFunction` does; a class that dependency injection resolves. */
export interface KeyResolver {
  resolve(context: ExecutionContext): string | undefined | Promise<string | undefined>;
}

/**
 * A function that finds the partition key of a call. Its result is the key, verbatim. If it answers `undefined` or
 * `''`, the client's address is used; the first time, a warning says so.
 */
export type KeyFunction = (context: ExecutionContext) => string | undefined | Promise<string | undefined>;

/**
 * Who is limited.
 *
 * - `ip`: the adapter's `request.ip`; IPv6 addresses are grouped by network.
 * - `user`: `request.user`: its `id`, else its `sub`, `userId` or `_id`, or what the module's `userKey` answers; a call
 *   without a user falls back to the ip.
 * - `user-or-ip`: the same, without the warning: anonymous calls are expected.
 * - `global`: one key for everybody.
 * - `header:x`, `query:x`, `param:x`, `body:x`: that value of the request; a call that lacks it falls back to the ip.
 * - `ip-from:x`: the address in header `x`, which a proxy in front must set; falls back to the ip.
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

/** Whether a call is left out of a limit. */
export type SkipFunction = (context: ExecutionContext) => boolean | Promise<boolean>;

/** How a call ended, for a policy that is charged by outcome. */
export interface CallOutcome {
  /** Status that the client got, after exception filters. Absent where the call did not come over HTTP. */
  readonly status?: number;
  /** What the handler threw, or what broke its stream; absent if nothing did. */
  readonly error?: unknown;
  /** What the handler returned; of several values the last. */
  readonly result?: unknown;
}

/**
 * Which calls a policy charges, once their outcome is known.
 *
 * - `failure`: those that end with an error or with a status of 400 and more
 * - `success`: all others
 * - a function: `true` charges the cost of the call, `false` nothing, a number so many units: a whole number of at
 *   least 0, which may be more than is left
 */
export type ChargeOn = 'success' | 'failure' | ((outcome: CallOutcome) => boolean | number);

/**
 * A quota, and how it applies. Either `rate`, or `limit` and `window`.
 *
 * @example
 * { rate: '100/15m', key: 'user', algorithm: 'token-bucket', burst: 200 }
 */
export interface PolicyOptions {
  /** Its name in headers, events and metrics: letters, digits and `_ - . : *`, up to 64. Default: its rate. */
  readonly name?: string;
  /** Units for each window, such as `'100/m'`, `'5/15m'`, `'10/250ms'`; `'unlimited'` or `null`: no limit. */
  readonly rate?: string | null;
  /**
   * Units for each window: a whole number of at least 0; 0 refuses every call that costs anything. `Infinity` or `null`:
   * no limit.
   */
  readonly limit?: number | null;
  /**
   * Length of the window: at least 1 ms, at most 366 days. Or a `CalendarWindow`: `'calendar-day'`, `'calendar-week'`,
   * `'calendar-month'`.
   */
  readonly window?: Duration;
  /** Time zone of a calendar window: an IANA name such as `'Europe/Berlin'`. Default `UTC`. */
  readonly timeZone?: string;
  /** Default `sliding-window`; of a calendar window `fixed-window`, the only one that it can have. */
  readonly algorithm?: AlgorithmName;
  /** Capacity of a token bucket: a whole number of at least 1. Default: `limit`. */
  readonly burst?: number;
  /**
   * How long a slot of `concurrency` is held at most without being renewed, as it is while its call lives: it is free
   * after so long if its process died. Default `'1m'`.
   */
  readonly leaseTime?: Duration;
  /** Calls that wait for a slot of `concurrency` instead of being refused. Default: none. */
  readonly queue?: PolicyQueue;
  /** Units that one call consumes. Default 1. */
  readonly cost?: CostInput;
  /**
   * Which calls are charged, by their outcome. The guard reserves the cost of a call, and gives back what is not due when
   * the call is over; more than the cost is charged into debt. A call stays charged if its client hangs up before the
   * answer, or if the function throws. `BackendService` and connections see no outcome: they charge as usual. Default:
   * all calls.
   */
  readonly chargeOn?: ChargeOn;
  /** Who is limited. Default: the module's `key`. */
  readonly key?: KeyInput;
  /** What a call gets when no backend can decide. Default: the module's. */
  readonly failureMode?: FailureMode;
  /** Leaves a call out of this policy. */
  readonly skipIf?: SkipFunction;
  /** After a refusal the key is refused for this long, and then finds a fresh quota. Default: no block. */
  readonly blockFor?: Duration;
  /**
   * Takes units from the store in advance and hands them out in the process, never above the limit: for `fixed-window` and
   * calendar windows, without `blockFor`. `true`: as many as suit the traffic. They are held for a second at most. Default
   * `false`. A backend in memory ignores it.
   */
  readonly lease?: boolean | PolicyLease;
  /** Default `shared`. */
  readonly scope?: PolicyScope;
  /** Default `enforce`. */
  readonly mode?: PolicyMode;
  /** The message of the 429 that this policy causes. Default: `Too Many Requests`. */
  readonly message?: string;
  /**
   * What is counted, such as `'tokens'` or `'content-bytes'`: the parameter `qu` of the header `RateLimit-Policy`.
   * Letters, digits and `_ - . : *`, up to 64. Default `requests`, which the header leaves out.
   */
  readonly unit?: string;
}

/** Calls that wait in a process until a slot is free: one queue for each policy and key. */
export interface PolicyQueue {
  /** Calls that wait at most; the next is refused. A whole number of at least 1. */
  readonly size: number;
  /** How long a call waits before it is refused. */
  readonly maxWait: Duration;
  /** Who is next: who came first (`fifo`, the default) or who came last (`lifo`). */
  readonly order?: 'fifo' | 'lifo';
}

/** How many units a process takes from the store in advance. */
export interface PolicyLease {
  /**
   * Units of one debit, the cost of the call included: a whole number from 1 to the limit. A process that is killed loses at
   * most so many, until their window ends. `auto` (the default): about what the key uses in a tenth of a second, and a
   * sixteenth of what is left at most.
   */
  readonly size?: 'auto' | number;
}

/** What finds the policies of a call answers: one, several, or (`null`, `undefined`, `[]`) none, which is no limit. */
export type PolicyAnswer = PolicyInput | null | undefined | readonly (PolicyInput | null | undefined)[];

/** Finds the policies of a call; a class that dependency injection resolves. It is asked once a request. */
export interface PolicyResolver {
  resolve(context: ExecutionContext): PolicyAnswer | Promise<PolicyAnswer>;
}

/** A function that finds the policies of a call. It is asked once a request. */
export type PolicyFunction = (context: ExecutionContext) => PolicyAnswer | Promise<PolicyAnswer>;

/** A policy's name (`'login'`), a rate (`'100/m'`, `'unlimited'`), options, or what finds them for each call. */
export type PolicyInput = string | PolicyOptions | PolicyFunction | Type<PolicyResolver>;

/**
 * A quota after validation: what algorithms and backends see. Plain data, all times in milliseconds.
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
  /** Identity of its counter: two policies with one id and one key share a count. */
  readonly id: string;
  /** Name shown in headers and events. */
  readonly name: string;
  readonly algorithm: AlgorithmName;
  readonly limit: number;
  /**
   * Of a calendar window: its usual length (a month has 31 days); statuses tell that of the present window. Of
   * `concurrency`: how long a slot is held without being renewed.
   */
  readonly windowMs: number;
  /** The windows are those of the calendar in `timeZone`, not multiples of `windowMs`. Only with `fixed-window`. */
  readonly calendar?: CalendarWindow;
  /** IANA name. Default `UTC`. */
  readonly timeZone?: string;
  /** Capacity of a token bucket; equal to `limit` for the other algorithms. */
  readonly burst: number;
  /** 0: no block. */
  readonly blockForMs: number;
  readonly mode: PolicyMode;
  /** Units that a process may debit at a time and hand out by itself. Only with `fixed-window`; a backend need not care. */
  readonly lease?: 'auto' | number;
  /** What is counted; `undefined`: requests. A backend copies it to the status. */
  readonly unit?: string | undefined;
}
