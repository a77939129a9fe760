import type { CounterSource } from './counter-source.js';
import { CommandFailure, reasonOf } from './failures.js';
import { type Output, print } from './output.js';

/**
 * Tells whether a store can decide: it asks for what a decision asks for.
 *
 * @throws CommandFailure with exit code 1 if it cannot, with 2 if there is no connection
 */
export async function checkHealth(
  source: CounterSource,
  { json, timeoutMs }: { readonly json: boolean; readonly timeoutMs: number },
  output: Output,
): Promise<void> {
  const { place } = source;
  const startedMs = performance.now();
  let error: string | undefined;
  try {
    await source.connect();
    await source.backend.ping(AbortSignal.timeout(timeoutMs));
  } catch (failure) {
    error = failure instanceof CommandFailure ? failure.message : whyNot(failure);
    if (failure instanceof CommandFailure) {
      if (json) print(output, true, { healthy: false, place, error }, () => '');
      throw failure;
    }
  }
  const latencyMs = Math.round((performance.now() - startedMs) * 10) / 10;
  const health = error === undefined ? { healthy: true, place, latencyMs } : { healthy: false, place, error };
  if (json) print(output, true, health, () => '');
  else if (error === undefined) output.write(`${place} can decide (connected and asked in ${latencyMs} ms).\n`);
  if (error !== undefined) throw new CommandFailure(json ? '' : `${place} cannot decide: ${error}`, 1);
}

/** An outage hides its reason from clients; the command shows it. */
const whyNot = (failure: unknown): string =>
  failure instanceof Error && failure.cause instanceof Error
    ? `${failure.message} (${reasonOf(failure.cause)})`
    : reasonOf(failure);
