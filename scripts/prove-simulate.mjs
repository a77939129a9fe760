// Proves that `floodgate simulate` reads a log of a million lines in time, in memory that does not grow, and with the
// answer that was computed without it.
//   npm run prove:simulate
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { generateLog } from '../test/cli/generated-log.js';

/**
 * What the command prints, as far as it is looked at.
 * @typedef {{ log: { lines: number, broken: number }, policies: { calls: number, refused: number, clients: number, network: { clients: number } | null, oneInAThousand: { limit: number } | null }[] }} Simulated
 */

const CLI = fileURLToPath(new URL('../dist/cli/floodgate.js', import.meta.url));
const MOST_SECONDS = 20;
const TELL_MEMORY = 'data:text/javascript,process.on("exit",()=>process.send(process.resourceUsage()))';

const folder = await mkdtemp(join(tmpdir(), 'floodgate-simulate-'));
try {
  /** @type {Record<string, object>} */
  const rows = {};
  for (const lines of [100_000, 1_000_000]) {
    const path = join(folder, `${lines}.log`);
    const known = await generateLog(path, lines);
    const { seconds, cpuSeconds, mebibytes, report } = await simulated(path);
    const { log, policies } = /** @type {Simulated} */ (report);
    const [policy] = policies;
    const found = {
      lines: log.lines,
      broken: log.broken,
      calls: policy?.calls,
      refused: policy?.refused,
      clients: policy?.clients,
      fromOneNetwork: policy?.network?.clients,
      oneInAThousand: policy?.oneInAThousand?.limit,
    };
    const right = isDeepStrictEqual(found, known);
    if (!right) console.error('The answer is', known);
    if (!right || seconds > MOST_SECONDS) process.exitCode = 1;
    rows[lines.toLocaleString('en-US')] = {
      seconds,
      'CPU seconds': cpuSeconds,
      'peak MiB': mebibytes,
      ...found,
      right,
    };
  }
  console.table(rows);
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function simulated(/** @type {string} */ path) {
  const startedMs = performance.now();
  const child = fork(CLI, ['simulate', path, '--policy', '100/m', '--key', 'ip', '--json'], {
    execArgv: ['--import', TELL_MEMORY],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let text = '';
  child.stdout?.on('data', (chunk) => (text += String(chunk)));
  /** @type {NodeJS.ResourceUsage | undefined} */
  let usage;
  child.on('message', (message) => (usage = /** @type {NodeJS.ResourceUsage} */ (message)));
  await once(child, 'close');
  const rounded = (/** @type {number} */ seconds) => Number(seconds.toFixed(1));
  return {
    seconds: rounded((performance.now() - startedMs) / 1_000),
    cpuSeconds: rounded(((usage?.userCPUTime ?? 0) + (usage?.systemCPUTime ?? 0)) / 1e6),
    mebibytes: Math.round((usage?.maxRSS ?? 0) / 1_024),
    report: /** @type {unknown} */ (JSON.parse(text)),
  };
}
