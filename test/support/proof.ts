import fc from 'fast-check';

/** How often more than in the suite: `npm run prove:interleavings` sets it. */
const TIMES = Number(process.env['FC_TIMES'] ?? 1);

/** In the suite each run is the same as the one before; a proof begins somewhere else each time. */
const SEED = Number(process.env['FC_SEED'] ?? (TIMES === 1 ? 2_026 : Date.now() % 2 ** 31));

const LONGEST_RUN_MS = 3_000;
const LONGEST_PROOF_MS = 20_000;

const REPLAY = process.env['FC_REPLAY'];

/** Sequences of commands; of one that is replayed, those that a failure tells. */
export const COMMANDS: fc.CommandsContraints = {
  size: 'large',
  maxCommands: 100,
  ...(REPLAY !== undefined && { replayPath: REPLAY }),
};

/**
 * Proves a property with chance. A failure is shrunk, and its message says how to replay it.
 *
 * @param runs how often in the suite
 */
export async function prove<T>(property: fc.IProperty<T> | fc.IAsyncProperty<T>, runs: number): Promise<void> {
  const path = process.env['FC_PATH'];
  const result = await fc.check(property as fc.IAsyncProperty<T>, {
    numRuns: runs * TIMES,
    seed: SEED,
    // A run that waits for ever is a failure, too; and shrinking it must leave time to tell.
    timeout: LONGEST_RUN_MS,
    ...(TIMES === 1 && { interruptAfterTimeLimit: LONGEST_PROOF_MS }),
    ...(path !== undefined && { path, endOnFailure: true }),
  });
  const { currentTestName: test = '', testPath = '' } = expect.getState();
  if (process.env['FIGURES'] !== undefined) console.log(`${test}: ${result.numRuns} runs, seed ${SEED}`);
  if (!result.failed) return;
  const report = (await fc.asyncDefaultReportMessage(result)) ?? '';
  const commands = /replayPath="([^"]*)"/.exec(report)?.[1];
  const variables = [
    `FC_SEED=${result.seed}`,
    `FC_PATH=${result.counterexamplePath ?? ''}`,
    ...(commands === undefined ? [] : [`FC_REPLAY=${commands}`]),
  ];
  const file = testPath.slice(testPath.indexOf('test/unit'));
  throw new Error(`Replay it: ${variables.join(' ')} npm run test:unit -- ${file} -t '${test}'\n${report}`, {
    cause: result.errorInstance,
  });
}
