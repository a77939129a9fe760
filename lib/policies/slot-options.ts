import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyOptions, PolicyQueue } from '../contracts/policy.js';
import { MAX_TIMER_MS, parseDuration } from './duration.js';
import { anObject, oneOf, onlyKnown } from './option-checks.js';
import { NO_LIMIT, type Rate } from './rate.js';

/** Calls that wait for a slot. */
export interface QueueSettings {
  readonly size: number;
  readonly maxWaitMs: number;
  readonly order: 'fifo' | 'lifo';
}

/** Maximum number of slots: every decision reads all of them. */
const MAX_SLOTS = 10_000;

/** Options of other algorithms, and why slots do not have them. */
const NOT_OF_SLOTS: Readonly<Partial<Record<keyof PolicyOptions, string>>> = {
  rate: 'Concurrency has no rate: give limit, the number of calls at a time.',
  window: 'Concurrency has no window: give leaseTime.',
  cost: 'A call takes one slot: leave cost out.',
  chargeOn: 'A slot is free as soon as a call ends: leave chargeOn out.',
  blockFor: 'A slot is free as soon as a call ends: leave blockFor out.',
};

/**
 * Reads the slot options of a concurrency policy, and rejects them in other policies.
 *
 * @returns `undefined` for another algorithm
 * @throws RateLimitConfigurationError with the option, the value and the fix
 */
export function slotsOf(
  option: string,
  options: PolicyOptions,
): { readonly quota: Rate; readonly queue: QueueSettings | undefined } | undefined {
  const { algorithm, limit, leaseTime, queue } = options;
  if (algorithm !== 'concurrency') {
    for (const name of ['leaseTime', 'queue'] as const) {
      if (options[name] === undefined) continue;
      const mend = "Only concurrency has it: set algorithm: 'concurrency', or leave it out.";
      throw new RateLimitConfigurationError(`${option}.${name}`, options[name], mend);
    }
    return undefined;
  }
  for (const [name, mend] of Object.entries(NOT_OF_SLOTS)) {
    const value = options[name as keyof PolicyOptions];
    if (value !== undefined) throw new RateLimitConfigurationError(`${option}.${name}`, value, mend);
  }
  const isUnlimited = limit === null || limit === NO_LIMIT.limit;
  if (!isUnlimited && (limit === undefined || !Number.isSafeInteger(limit) || limit < 0 || limit > MAX_SLOTS)) {
    const mend = `Give the number of calls at a time: a whole number from 0 to ${MAX_SLOTS}.`;
    throw new RateLimitConfigurationError(`${option}.limit`, limit, mend);
  }
  return {
    quota: { limit: limit ?? NO_LIMIT.limit, windowMs: parseDuration(`${option}.leaseTime`, leaseTime ?? '1m') },
    queue: queue === undefined ? undefined : queueOf(`${option}.queue`, queue),
  };
}

function queueOf(option: string, queue: PolicyQueue): QueueSettings {
  anObject(option, queue, "Give { size, maxWait }, such as { size: 100, maxWait: '5s' }.");
  onlyKnown(option, queue, ['size', 'maxWait', 'order']);
  const { size, maxWait, order = 'fifo' } = queue;
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new RateLimitConfigurationError(`${option}.size`, size, 'Give a whole number of at least 1.');
  }
  oneOf(`${option}.order`, order, ['fifo', 'lifo']);
  return { size, maxWaitMs: parseDuration(`${option}.maxWait`, maxWait, MAX_TIMER_MS), order };
}
