const folder = process.env['MUTATED_FOLDER'] ?? '*';

export default {
  mutate: [process.env['MUTATED_FILES'] ?? `lib/${folder}/**/*.ts`],
  testRunner: 'vitest',
  vitest: { configFile: 'mutants/vitest.config.js', related: false },
  coverageAnalysis: 'perTest',
  // What runs while a module is loaded alone would need every test of the folder; such mutants are left out.
  ignoreStatic: true,
  concurrency: Number(process.env['MUTANTS_AT_ONCE'] ?? 1),
  ignorePatterns: ['dist', 'bench', 'docs', 'site', 'site-dist', '.site', 'sample-app', 'mutants/node_modules'],
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: `mutants/reports/${folder}.json` },
  incremental: true,
  incrementalFile: `mutants/reports/${folder}.incremental.json`,
  tempDirName: `.mutants-${folder}`,
  thresholds: { high: 98, low: 95, break: 95 },
  timeoutMS: 5_000,
};
