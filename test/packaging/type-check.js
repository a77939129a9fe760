import ts from 'typescript';

/**
 * `node type-check.js TSCONFIG`: says what is wrong with the program of a tsconfig.json, in the files that it names
 * and in the declarations of this package. `tsc` would also check the declarations of third parties, which takes longer
 * and which we cannot mend.
 */

const OURS = '/node_modules/nestjs-floodgate/';

const [config = 'tsconfig.json'] = process.argv.slice(2);
const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: report };
const { fileNames = [], options = {}, errors = [] } = ts.getParsedCommandLineOfConfigFile(config, {}, host) ?? {};
const program = ts.createProgram({ rootNames: fileNames, options, configFileParsingDiagnostics: errors });
const files = program
  .getSourceFiles()
  .filter(({ fileName }) => fileNames.includes(fileName) || fileName.includes(OURS));
if (files.length <= fileNames.length) throw new Error('The program has no declaration of this package');
program.getConfigFileParsingDiagnostics().forEach(report);
program.getOptionsDiagnostics().forEach(report);
program.getGlobalDiagnostics().forEach(report);
for (const file of files) {
  program.getSyntacticDiagnostics(file).forEach(report);
  program.getSemanticDiagnostics(file).forEach(report);
}

/** @param {ts.Diagnostic} diagnostic */
function report(diagnostic) {
  console.log(ts.formatDiagnostic(diagnostic, ts.createCompilerHost({})).trim());
}
