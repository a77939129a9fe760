import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is awaited, for the error: 'the replica is promoted'. */
  readonly what?: string;
  /** Longest wait, in ms. Default 20,000: no machine is that slow. */
  readonly timeoutMs?: number;
  /** Pause between two polls, in ms. Default 20. */
  readonly intervalMs?: number;
}

/**
 * Polls until a condition holds: for real processes and sockets only, where no clock can be injected.
 *
 * @param condition holds when it answers anything truthy; throwing means not yet
 * @returns what the condition answered
 * @throws Error when the time is up, with the last answer, or the last error as its cause
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const { what = 'the condition', timeoutMs = 20_000, intervalMs = 20 } = options;
  const deadline = performance.now() + timeoutMs;
  let last: Attempt<T>;
  do {
    last = await within(deadline - performance.now(), attempt(condition));
    if (last.kind === 'answer' && last.value) return last.value as Exclude<T, false | null | undefined | 0 | ''>;
    await delay(intervalMs);
  } while (performance.now() < deadline);

  throw new Error(`Waited ${timeoutMs} ms in vain until ${what}: ${describe(last)}`, {
    cause: last.kind === 'error' ? last.error : undefined,
  });
}

type Attempt<T> =
  | { readonly kind: 'answer'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'hung' };

async function attempt<T>(condition: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { kind: 'answer', value: await condition() };
  } catch (error) {
    return { kind: 'error', error };
  }
}

async function within<T>(timeoutMs: number, running: Promise<Attempt<T>>): Promise<Attempt<T>> {
  const timer = new AbortController();
  const hung = delay<Attempt<T>>(Math.max(timeoutMs, 0), { kind: 'hung' }, { signal: timer.signal });
  hung.catch(() => undefined);
  try {
    return await Promise.race([running, hung]);
  } finally {
    timer.abort();
  }
}

function describe(last: Attempt<unknown>): string {
  switch (last.kind) {
    case 'answer':
      return `the last answer was ${JSON.stringify(last.value)}`;
    case 'error':
      return `the last attempt threw ${String(last.error)}`;
    case 'hung':
      return 'the last attempt did not come back';
  }
}
