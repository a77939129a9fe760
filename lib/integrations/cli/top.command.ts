import type { Policy } from '../../contracts/policy.js';
import type { CounterSource } from './counter-source.js';
import { byUse, counterTable, type CounterView, knownPolicies, unknownHint, viewOf } from './counters.view.js';
import { nothingFound } from './failures.js';
import { type Output, print } from './output.js';

export interface TopOptions {
  readonly policies: readonly Policy[];
  /** Counters that are shown. */
  readonly count: number;
  /** Most keys that are looked at. */
  readonly scan: number;
  readonly json: boolean;
}

/** What the most used counters are. */
export interface TopReport {
  readonly scanned: number;
  /** Whether all keys were looked at. */
  readonly complete: boolean;
  readonly nowMs: number;
  readonly counters: readonly CounterView[];
}

/** Looks at the counters of a store, and keeps the most used. */
async function readTop(source: CounterSource, options: TopOptions): Promise<TopReport> {
  const known = knownPolicies(source, options.policies);
  let best: CounterView[] = [];
  const cut = (): void => {
    best = best.sort(byUse).slice(0, options.count);
  };
  const { scanned, isComplete, nowMs } = await source.scan(options.scan, ({ key, counters }, atMs) => {
    for (const counter of counters) best.push(viewOf(key, counter, known, atMs));
    if (best.length > options.count * 10 + 1_000) cut();
  });
  cut();
  return { scanned, complete: isComplete, nowMs, counters: best };
}

/** Prints it once. @throws CommandFailure if there is no counter */
export async function topOnce(source: CounterSource, options: TopOptions, output: Output): Promise<void> {
  const report = await readTop(source, options);
  print(output, options.json, report, () => textOf(report));
  if (report.counters.length === 0) throw nothingFound('');
}

/** Prints it again and again, until the signal aborts. */
export async function topForever(
  source: CounterSource,
  options: TopOptions & { readonly intervalMs: number },
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const report = await readTop(source, options);
    // The terminal is cleared: the table is drawn in its place.
    output.write(`\x1b[H\x1b[2J${textOf(report)}\n\nEvery ${options.intervalMs / 1_000} s. Ctrl+C ends it.\n`);
    await pause(options.intervalMs, signal);
  }
}

function textOf(report: TopReport): string {
  const { counters, scanned, complete } = report;
  if (counters.length === 0) return `No key is counted (${scanned} keys looked at).`;
  const note = `${scanned.toLocaleString('en-US')} keys looked at${complete ? '' : '; there are more: see --scan'}.`;
  return `${counterTable(counters)}\n\n${note}${unknownHint(counters)}`;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
}
