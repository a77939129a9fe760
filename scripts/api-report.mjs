// Writes the public surface of each entry point to docs/api; with --check it fails if one differs from what is there.
import { mkdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const root = fileURLToPath(new URL('..', import.meta.url));
/** @type {unknown} */
const manifest = JSON.parse(await readFile(`${root}/package.json`, 'utf8'));
const { exports: entries } = /** @type {{ exports: Record<string, string | { import: { types: string } }> }} */ (
  manifest
);
const check = process.argv.includes('--check');

await mkdir(`${root}/docs/api`, { recursive: true });
const stale = Object.entries(entries).flatMap(([path, entry]) => {
  if (typeof entry === 'string') return [];
  const name = path === '.' ? 'core' : path.slice('./'.length);
  return report(name, entry.import.types) ? [] : [name];
});
if (stale.length > 0) {
  console.error(`The public API changed: ${stale.join(', ')}. If on purpose: npm run api.`);
  process.exitCode = 1;
}

/** Writes or checks one report; false if it has errors, or differs from the one that is checked in. */
function report(/** @type {string} */ name, /** @type {string} */ types) {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: `${root}/package.json`,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: `${root}/${types}`,
      compiler: { tsconfigFilePath: `${root}/tsconfig.esm.json`, skipLibCheck: true },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: `${root}/docs/api`,
        reportTempFolder: `${root}/node_modules/.cache/api`,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          // The core names every type of its surface; the other entries build on the core's.
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.None, addToApiReportFile: name === 'core' },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  return Extractor.invoke(config, { localBuild: !check, messageCallback: quiet }).succeeded;
}

/** Leaves out the greeting. @type {(message: import('@microsoft/api-extractor').ExtractorMessage) => void} */
function quiet(message) {
  if (message.messageId === 'console-preamble') message.logLevel = ExtractorLogLevel.None;
}
