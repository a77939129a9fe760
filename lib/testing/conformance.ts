import type { Backend } from '../contracts/backend.js';
import { ALGORITHM_NAMES, type AlgorithmName, type CountingAlgorithm } from '../contracts/policy.js';
import { blockCases } from './cases/block.cases.js';
import { calendarCases } from './cases/calendar.cases.js';
import { chargeCases } from './cases/charge.cases.js';
import { clockCases } from './cases/clock.cases.js';
import { concurrencyCases } from './cases/concurrency.cases.js';
import { keyCases } from './cases/key.cases.js';
import { lifeCases } from './cases/life.cases.js';
import { liveChangeCases } from './cases/live-change.cases.js';
import { peekCases } from './cases/peek.cases.js';
import { referenceCases } from './cases/reference.cases.js';
import { refundCases } from './cases/refund.cases.js';
import { resetCases } from './cases/reset.cases.js';
import { severalCases } from './cases/several.cases.js';
import { shadowCases } from './cases/shadow.cases.js';
import { slotCases } from './cases/slot.cases.js';
import { timeCases } from './cases/time.cases.js';
import { tokenBucketCases } from './cases/token-bucket.cases.js';
import { vectorCases } from './cases/vector.cases.js';
import type { AlgorithmCases, CaseDefinition } from './conformance.case.js';
import { Subject, type ConformanceClock } from './subject.js';

/** Options of the conformance suite. */
export interface ConformanceOptions {
  /** Shown in the suite's title. */
  readonly name: string;
  /**
   * Creates a backend. It is called for each case, and the suite closes the backend afterwards. The store can contain
   * other keys: every case uses its own keys and policy ids.
   */
  create(): Backend | Promise<Backend>;
  /**
   * The store's clock, if a test can set it. Then cases are exact to the millisecond, and the suite adds cases that
   * need a clock (decision vectors, a clock that steps back). Without it, the suite waits in real time, about five
   * seconds in total, and uses the `nowMs` of the replies.
   */
  readonly clock?: ConformanceClock;
  /** The `algorithms` of the backend's `capabilities`. Default: every algorithm. */
  readonly algorithms?: readonly AlgorithmName[];
  /** Whether its `capabilities` include calendar windows. Default: true if it has no `capabilities`. */
  readonly calendar?: boolean;
}

/** One promise of the contract, for any test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects with an `AssertionError` if the backend breaks the promise. */
  run(): Promise<void>;
}

/** The part of a test runner that the suite uses. Jest, Vitest and `node:test` have it. */
export interface TestRunner {
  describe(name: string, define: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
}

const FOR_EACH_ALGORITHM: readonly AlgorithmCases[] = [
  chargeCases,
  peekCases,
  refundCases,
  resetCases,
  blockCases,
  liveChangeCases,
  timeCases,
  referenceCases,
  clockCases,
  concurrencyCases,
  vectorCases,
];

const isCounting = (algorithm: AlgorithmName): algorithm is CountingAlgorithm => algorithm !== 'concurrency';

const ONCE: readonly (readonly CaseDefinition[])[] = [severalCases, shadowCases, keyCases, lifeCases];

/**
 * All promises of the contract, as cases for any test runner. A case leaves only keys that expire. With an injected
 * clock, run the cases in sequence.
 *
 * @example
 * for (const { name, run } of backendConformance({ name: 'mine', create: () => new MyBackend() })) it(name, run);
 */
export function backendConformance(options: ConformanceOptions): ConformanceCase[] {
  const algorithms = options.algorithms ?? ALGORITHM_NAMES;
  const calendar = options.calendar ?? options.algorithms === undefined;
  const definitions = [
    ...ONCE.flat(),
    ...(algorithms.includes('token-bucket') ? tokenBucketCases : []),
    ...(calendar ? calendarCases : []),
    ...(algorithms.includes('concurrency') ? slotCases : []),
    ...algorithms
      .filter(isCounting)
      .flatMap((algorithm) =>
        FOR_EACH_ALGORITHM.flatMap((cases) =>
          cases(algorithm).map((definition) => ({ ...definition, name: `${algorithm}: ${definition.name}` })),
        ),
      ),
  ];
  return definitions
    .filter(({ needsClock = false }) => !needsClock || options.clock !== undefined)
    .map((definition) => ({ name: definition.name, run: () => runCase(definition, algorithms, options) }));
}

/**
 * Registers the suite with a test runner.
 *
 * @example
 * describeConformance({ describe, it }, { name: 'mine', create: () => new MyBackend() });
 */
export function describeConformance(runner: TestRunner, options: ConformanceOptions): void {
  runner.describe(`${options.name} as a backend`, () => {
    for (const { name, run } of backendConformance(options)) runner.it(name, run);
  });
}

async function runCase(
  definition: CaseDefinition,
  algorithms: readonly AlgorithmName[],
  { create, clock }: ConformanceOptions,
): Promise<void> {
  const backend = await create();
  try {
    await definition.run(await Subject.of(backend, algorithms, clock));
  } finally {
    await backend.close();
  }
}
