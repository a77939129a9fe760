import { MAX_PRODUCT } from '../algorithms/algorithm.js';
import { exactBucketLimit, mostUnits, refillOf } from '../algorithms/quotient.js';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import {
  ALGORITHM_NAMES,
  CONCURRENT_REQUESTS,
  type ChargeOn,
  type AlgorithmName,
  type CostInput,
  type FailureMode,
  type KeyInput,
  type Policy,
  type PolicyOptions,
  type PolicyScope,
  type SkipFunction,
} from '../contracts/policy.js';
import { calendarOf, type CalendarPart, windowLengthMs } from './calendar-window.js';
import { checkChargeOn } from './charge-on.js';
import { parseDuration } from './duration.js';
import { checkKeyInput } from './key-input.js';
import { leaseOf } from './lease-option.js';
import { aFunction, anObject, aText, oneOf, onlyKnown } from './option-checks.js';
import { formatRate, NO_LIMIT, parseRate, type Rate } from './rate.js';
import { slotsOf, type QueueSettings } from './slot-options.js';

/** A policy after validation: the quota for backends, and how it applies to a call. */
export interface CompiledPolicy {
  readonly policy: Policy;
  /** Its name in the module, if it has one. */
  readonly definedAs?: string;
  /** Id and limit of the counter before a change that carries over in proportion. */
  readonly carriedFrom?: { readonly id: string; readonly limit: number };
  readonly key: KeyInput | undefined;
  readonly cost: CostInput;
  /** Which calls are charged; `undefined`: all. */
  readonly chargeOn: ChargeOn | undefined;
  readonly failureMode: FailureMode | undefined;
  readonly skipIf: SkipFunction | undefined;
  readonly scope: PolicyScope;
  readonly message: string | undefined;
  /** The queue for slots of a concurrency policy. */
  readonly queue: QueueSettings | undefined;
}

const OPTIONS: readonly (keyof PolicyOptions)[] = [
  'name',
  'rate',
  'limit',
  'window',
  'timeZone',
  'algorithm',
  'leaseTime',
  'queue',
  'burst',
  'cost',
  'chargeOn',
  'key',
  'failureMode',
  'skipIf',
  'blockFor',
  'lease',
  'scope',
  'mode',
  'message',
  'unit',
];

/** Maximum limits of algorithms, because of their arithmetic or the length of a log. */
const MULTIPLYING: readonly AlgorithmName[] = ['sliding-window', 'token-bucket', 'sliding-log'];

/** A log has an entry for each unit. Above this limit, use a window algorithm. */
const MAX_LOG_LIMIT = 10_000;

const NAME = /^[A-Za-z0-9_.:*-]{1,64}$/;

/**
 * Validates a policy and computes its quota.
 *
 * @param option path of the policy, for errors
 * @param input options, or a rate
 * @param identify returns the id of the counter, for the policy's explicit name if it has one
 * @throws RateLimitConfigurationError with the option, the value and the fix
 */
export function compilePolicy(
  option: string,
  input: PolicyOptions | string,
  identify: (explicitName: string | undefined) => string,
): CompiledPolicy {
  const options = typeof input === 'string' ? {} : checkedShape(option, input);
  const slots = slotsOf(option, options);
  const calendar = calendarOf(option, options);
  const rate = slots?.quota ?? (typeof input === 'string' ? parseRate(option, input) : rateOf(option, options));
  const usual = calendar.calendar === undefined ? 'sliding-window' : 'fixed-window';
  const { algorithm = usual, mode = 'enforce', scope = 'shared', failureMode, name } = options;
  oneOf(`${option}.algorithm`, algorithm, ALGORITHM_NAMES);
  oneOf(`${option}.mode`, mode, ['enforce', 'shadow']);
  oneOf(`${option}.scope`, scope, ['shared', 'route']);
  if (failureMode !== undefined) oneOf(`${option}.failureMode`, failureMode, ['closed', 'open', 'local']);
  if (name !== undefined) checkName(`${option}.name`, name);
  const burst = burstOf(option, options, algorithm, rate);
  checkProducts(option, algorithm, rate, burst);
  checkCost(option, options.cost);
  checkChargeOn(`${option}.chargeOn`, options.chargeOn);
  if (options.key !== undefined) checkKeyInput(`${option}.key`, options.key);
  if (options.skipIf !== undefined) aFunction(`${option}.skipIf`, options.skipIf);
  if (options.message !== undefined) aText(`${option}.message`, options.message);
  if (options.unit !== undefined) checkUnit(`${option}.unit`, options.unit);
  return {
    policy: {
      id: `${identify(name)}#${algorithm}`,
      name: name ?? nameOf(rate, algorithm, calendar),
      algorithm,
      ...rate,
      ...calendar,
      burst,
      blockForMs: options.blockFor === undefined ? 0 : parseDuration(`${option}.blockFor`, options.blockFor),
      mode,
      ...leaseOf(option, options, algorithm, rate.limit),
      unit: slots === undefined ? unitOf(options) : CONCURRENT_REQUESTS,
    },
    key: options.key,
    cost: options.cost ?? 1,
    chargeOn: options.chargeOn,
    failureMode,
    skipIf: options.skipIf,
    scope,
    message: options.message,
    queue: slots?.queue,
  };
}

/** @throws RateLimitConfigurationError for an invalid name */
export function checkName(option: string, name: string): void {
  if (typeof name === 'string' && NAME.test(name)) return;
  throw new RateLimitConfigurationError(
    option,
    name,
    'Give 1 to 64 letters, digits or any of _ . : * - (a slash would make it a rate).',
  );
}

/** The default name of a policy, from its options. */
function nameOf(rate: Rate, algorithm: AlgorithmName, { calendar }: CalendarPart): string {
  if (algorithm === 'concurrency') return `${rate.limit}/concurrency`;
  return calendar === undefined ? formatRate(rate) : `${rate.limit}/${calendar}`;
}

/** Whether a policy admits every call: then it is not counted, and no backend sees it. */
export const isUnlimited = ({ policy }: CompiledPolicy): boolean => policy.limit === Number.POSITIVE_INFINITY;

const unitOf = ({ unit }: PolicyOptions): string | undefined => (unit === 'requests' ? undefined : unit);

function checkUnit(option: string, unit: string): void {
  if (typeof unit === 'string' && NAME.test(unit)) return;
  throw new RateLimitConfigurationError(
    option,
    unit,
    "Give what is counted, such as 'tokens': 1 to 64 letters, digits or any of _ . : * -.",
  );
}

/** The same policy with another counter. */
export function withId(compiled: CompiledPolicy, id: string): CompiledPolicy {
  return { ...compiled, policy: { ...compiled.policy, id: `${id}#${compiled.policy.algorithm}` } };
}

/** @throws RateLimitConfigurationError if it is not an object, or has an unknown option */
export function checkedShape(option: string, input: PolicyOptions): PolicyOptions {
  anObject(option, input, "Give a rate such as '100/m', options, or a policy's name.");
  onlyKnown(option, input, OPTIONS);
  return input;
}

function rateOf(option: string, { rate, limit, window }: PolicyOptions): Rate {
  if (rate !== undefined) {
    if (limit === undefined && window === undefined) {
      // Databases store null for 'no limit'.
      return rate === null ? NO_LIMIT : parseRate(`${option}.rate`, rate);
    }
    throw new RateLimitConfigurationError(option, { rate, limit, window }, 'Give either rate, or limit and window.');
  }
  if (limit === null || limit === Number.POSITIVE_INFINITY) {
    if (window !== undefined) parseDuration(`${option}.window`, window);
    return NO_LIMIT;
  }
  if (limit === undefined || window === undefined) {
    throw new RateLimitConfigurationError(
      option,
      { limit, window },
      "Give a rate such as '100/m', or both limit and window.",
    );
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw new RateLimitConfigurationError(
      `${option}.limit`,
      limit,
      "Give a whole number of at least 0; for no limit give Infinity, null or rate: 'unlimited'.",
    );
  }
  return { limit, windowMs: windowLengthMs(`${option}.window`, window) };
}

function burstOf(option: string, { burst }: PolicyOptions, algorithm: AlgorithmName, { limit }: Rate): number {
  if (burst === undefined) return limit;
  if (algorithm !== 'token-bucket') {
    throw new RateLimitConfigurationError(
      `${option}.burst`,
      burst,
      `Only a token bucket has a burst: set algorithm: 'token-bucket', or leave it out.`,
    );
  }
  if (Number.isSafeInteger(burst) && burst >= 1) return burst;
  throw new RateLimitConfigurationError(`${option}.burst`, burst, 'Give a whole number of at least 1.');
}

/** Keeps the arithmetic exact (see `MAX_PRODUCT`). */
function checkProducts(option: string, algorithm: AlgorithmName, { limit, windowMs }: Rate, burst: number): void {
  if (!MULTIPLYING.includes(algorithm) || limit === Number.POSITIVE_INFINITY) return;
  if (algorithm === 'sliding-log') {
    if (limit <= MAX_LOG_LIMIT) return;
    throw new RateLimitConfigurationError(
      `${option}.limit`,
      limit,
      `A sliding-log keeps an entry for each unit: give at most ${MAX_LOG_LIMIT}, or take 'sliding-window' or 'strict-window'.`,
    );
  }
  const { token } = refillOf(limit, windowMs);
  const isBucket = algorithm === 'token-bucket';
  if (isBucket ? Math.max(limit, burst) * token <= MAX_PRODUCT : limit <= mostUnits(windowMs)) return;
  const isBurst = isBucket && limit * token <= MAX_PRODUCT;
  const rounder = isBucket ? `, give a rounder limit such as ${exactBucketLimit(limit, windowMs)}` : '';
  throw new RateLimitConfigurationError(
    option,
    `${isBurst ? burst : limit} units x ${windowMs} ms`,
    `That is too much for the arithmetic of '${algorithm}' to be exact: ${
      isBurst ? `give a burst of at most ${Math.floor(MAX_PRODUCT / token)}, ` : ''
    }shorten the window${isBurst ? '' : rounder}, count in larger units, or take 'fixed-window'.`,
  );
}

function checkCost(option: string, cost: CostInput | undefined): void {
  if (cost === undefined || typeof cost === 'function' || isCost(cost)) return;
  throw new RateLimitConfigurationError(
    `${option}.cost`,
    cost,
    'Give a whole number of at least 0, or a function that returns one.',
  );
}

/** Whether a value is a number of units: a safe integer of at least 0. */
export const isCost = (cost: unknown): cost is number => Number.isSafeInteger(cost) && (cost as number) >= 0;
