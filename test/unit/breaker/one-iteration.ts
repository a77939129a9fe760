import { Breaker } from '../../../lib/breaker/breaker.js';
import type { GuardedStream } from '../../../lib/breaker/guarded-call.js';
import { GuardedIteration } from '../../../lib/breaker/guarded-iteration.js';

type Source = AsyncIterator<unknown, unknown, unknown>;

/** One iteration of a source behind a breaker that opens at the first failure. */
export function iterationOf(
  source: Partial<Source> & Pick<Source, 'next'>,
  more: Partial<GuardedStream<Source>> = {},
): { breaker: Breaker; iteration: GuardedIteration } {
  const breaker = new Breaker({ failureThreshold: 1 });
  const call = { breaker, self: 'self', args: ['one', 'two'] };
  const iteration = new GuardedIteration({ call, recovery: undefined, open: () => source, ...more });
  return { breaker, iteration };
}
