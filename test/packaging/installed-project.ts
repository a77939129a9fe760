import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mustRun, type Outcome, run } from './command.js';

/** This repository, whose tools (never its libraries) the projects borrow. */
const ROOT = process.cwd();
const TYPE_CHECK = join(ROOT, 'test/packaging/type-check.js');
const JEST = join(ROOT, 'node_modules/jest/bin/jest.js');

/** Packs what `npm run build` has built, as npm would publish it; the path of the tarball. */
export async function packed(directory: string): Promise<string> {
  await mustRun(ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', directory);
  const [tarball] = await readdir(directory);
  if (tarball === undefined) throw new Error('npm pack left no tarball');
  return join(directory, tarball);
}

/** A temporary directory; also for the tarball. */
export function temporary(name: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `floodgate-${name}-`));
}

/** A user's project with the tarball and its neighbours installed by npm. */
export class InstalledProject {
  private constructor(readonly directory: string) {}

  static async create(name: string, tarball: string, dependencies: Record<string, string>): Promise<InstalledProject> {
    const project = new InstalledProject(await temporary(name));
    await project.write('package.json', {
      name,
      private: true,
      dependencies: { ...dependencies, 'nestjs-floodgate': `file:${tarball}` },
    });
    const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'];
    await mustRun(project.directory, 'npm', 'install', ...quiet);
    return project;
  }

  /** Writes a file: text as it is, anything else as JSON. */
  async write(file: string, content: unknown): Promise<string> {
    const path = join(this.directory, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
    return path;
  }

  async copyFixture(fixture: string, file: string): Promise<void> {
    await this.write(file, '');
    await cp(join(ROOT, 'test/packaging/fixtures', fixture), join(this.directory, file));
  }

  /** Runs a script in a file of its own, as ESM (`.mjs`) or CommonJS (`.cjs`). */
  async script(kind: 'mjs' | 'cjs', source: string): Promise<Outcome> {
    return run(this.directory, process.execPath, await this.write(`script.${kind}`, source));
  }

  /** Type-checks a fixture in a package of that type; the complaints about it and about this package's declarations. */
  async typeCheck(fixture: string, type: 'module' | 'commonjs', compilerOptions: object): Promise<string> {
    const folder = `types-${type}`;
    await this.write(`${folder}/package.json`, { type });
    await this.copyFixture(fixture, `${folder}/${fixture}`);
    const config = await this.write(`${folder}/tsconfig.json`, {
      compilerOptions: { ...STRICT, ...compilerOptions },
      files: [fixture],
    });
    return mustRun(this.directory, process.execPath, TYPE_CHECK, config);
  }

  /** Runs a fixture as a test of Jest in either module system; it finds the globals by their names. */
  async jest(fixture: string, type: 'module' | 'commonjs', globals: object = {}): Promise<Outcome> {
    await this.copyFixture(fixture, 'jest/app.spec.ts');
    const esm = type === 'module';
    const config = await this.write('jest/jest.config.json', {
      rootDir: '.',
      globals,
      ...(esm && { extensionsToTreatAsEsm: ['.ts'] }),
      transform: { '\\.ts$': [join(ROOT, 'node_modules/@swc/jest'), swc(esm ? 'es6' : 'commonjs')] },
    });
    const flags = esm ? ['--experimental-vm-modules'] : [];
    return run(this.directory, process.execPath, ...flags, JEST, '--config', config);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

const STRICT = {
  strict: true,
  noEmit: true,
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  types: ['node'],
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  esModuleInterop: true,
};

function swc(moduleType: string) {
  return {
    jsc: {
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: moduleType },
  };
}
