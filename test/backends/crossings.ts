import type { Backend, Charge } from '../../lib/contracts/backend.js';
import { testPolicy } from '../../lib/testing/test-policy.js';

const KEYS = ['user:1', 'user:2', 'user:3', 'global'];
const TIMEOUT_MS = 60_000;
const WINDOW_MS = 366 * 86_400_000;

export interface Crossings {
  readonly failures: readonly string[];
  /** Units that each key was charged, as the store tells. */
  readonly sums: readonly number[];
  /** Units of the calls that were admitted, for each key. */
  readonly allowed: readonly number[];
}

/**
 * Makes so many decisions, some at once, each over some of the keys in any order, and some of them refused.
 */
export async function crossings(
  backend: Backend,
  { decisions, callers = 16 }: { readonly decisions: number; readonly callers?: number },
): Promise<Crossings> {
  // Each key runs out at another time: until then calls are refused by one of their keys and admitted by the others.
  const limits = KEYS.map((_key, index) => Math.floor((decisions * (index + 2)) / 8));
  const policies = limits.map((limit) =>
    testPolicy({ name: `limit-${limit}`, algorithm: 'fixed-window', limit, windowMs: WINDOW_MS }),
  );
  const chargeOf = (index: number, cost = 1): Charge => ({ key: KEYS[index]!, policy: policies[index]!, cost });
  const allowed = KEYS.map(() => 0);
  const failures: string[] = [];
  let made = 0;
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (made < decisions) {
        made += 1;
        const charged = shuffled(KEYS.length).slice(0, 2 + (made % 3));
        try {
          const reply = await backend.consume({
            charges: charged.map((index) => chargeOf(index)),
            timeoutMs: TIMEOUT_MS,
          });
          if (reply.allowed) charged.forEach((index) => (allowed[index]! += 1));
        } catch (error) {
          failures.push(String(error instanceof Error ? (error.cause ?? error) : error));
        }
      }
    }),
  );
  const { policies: found } = await backend.peek({
    charges: KEYS.map((_key, index) => chargeOf(index, 0)),
    timeoutMs: TIMEOUT_MS,
  });
  return { failures, allowed, sums: found.map(({ remaining }, index) => limits[index]! - remaining) };
}

/** The numbers from 0 up to `length`, in any order. */
function shuffled(length: number): number[] {
  return Array.from({ length }, (_, index) => ({ index, by: Math.random() }))
    .sort((a, b) => a.by - b.by)
    .map(({ index }) => index);
}
