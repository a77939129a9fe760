// Changes the code of some folders of lib in small ways, one at a time, and looks whether their unit tests notice. Fails
// if more than one in twenty is not noticed. What was tested before and has not changed since is not tested again.
//   npm run test:mutants                       algorithms, breaker, limiter and guard
//   npm run test:mutants -- breaker            one folder
//   npm run test:mutants -- breaker/circuit    one file
// MUTANTS_AT_ONCE says how many are tested side by side: 1 unless told otherwise.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const FOLDERS = ['algorithms', 'breaker', 'limiter', 'guard'];

const root = fileURLToPath(new URL('..', import.meta.url));
const given = process.argv.slice(2);
for (const target of given.length > 0 ? given : FOLDERS) {
  const [folder = '', file] = target.replace(/^lib\//, '').split('/');
  if (!FOLDERS.includes(folder)) {
    console.error(
      `No mutants of '${target}': give one of ${FOLDERS.join(', ')}, or a file of one such as breaker/circuit.`,
    );
    process.exit(1);
  }
  const { status } = spawnSync(
    process.execPath,
    ['mutants/node_modules/@stryker-mutator/core/bin/stryker.js', 'run', 'mutants/stryker.config.js'],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        MUTATED_FOLDER: folder,
        MUTATED_FILES: `lib/${folder}/${file === undefined ? '**/*' : file.replace(/\.ts$/, '')}.ts`,
        // Chance finds what it finds soon, or it takes long.
        EPISODES: '60',
        SEQUENCES: '300',
        ENDS: '500',
      },
    },
  );
  if (status !== 0) process.exitCode = 1;
}
