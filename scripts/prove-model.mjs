// Checks docs/model/breaker.tla with TLC, the model checker of TLA+: every invariant in every state, and that the circuit
// recovers. Needs java and tla2tools.jar of a release of TLA+.
//   TLA2TOOLS_JAR=<path of tla2tools.jar> npm run prove:model
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const jar = process.env['TLA2TOOLS_JAR'];
if (jar === undefined) {
  console.error(
    'Give the path of tla2tools.jar, of a release of https://github.com/tlaplus/tlaplus, as TLA2TOOLS_JAR.',
  );
  process.exit(1);
}
const states = await mkdtemp(join(tmpdir(), 'floodgate-model-'));
try {
  const options = ['-workers', 'auto', '-noGenerateSpecTE', '-metadir', states, 'breaker.tla'];
  const { status, error } = spawnSync('java', ['-XX:+UseParallelGC', '-cp', jar, 'tlc2.TLC', ...options], {
    cwd: fileURLToPath(new URL('../docs/model', import.meta.url)),
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  process.exitCode = status ?? 1;
} finally {
  await rm(states, { recursive: true, force: true });
}
