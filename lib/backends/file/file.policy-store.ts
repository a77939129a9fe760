import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { anObject, aText } from '../../policies/option-checks.js';
import type { PolicyDocument, PolicyStore } from '../../contracts/policy-store.js';

/** Options of `filePolicyStore()`. */
export interface FilePolicyStoreOptions {
  /** Path of a file that ends in `.json`, `.yaml` or `.yml` (the last two need the package `yaml`). */
  readonly path: string;
  /** Shown in health and errors. Default `'policy-file'`. */
  readonly name?: string;
}

/**
 * Stores changes of policies in a file. You can keep it under version control and edit it by hand.
 *
 * The file is written in one step, by a rename. A missing or empty file at start-up changes nothing. A file that
 * disappears later counts as a store that is not available, and the last known policies stay valid.
 *
 * @throws RateLimitConfigurationError for a path that is missing, empty or of another ending
 * @example
 * RateLimitModule.forRoot({ policies, policyStore: filePolicyStore({ path: 'config/limits.yaml' }) })
 */
export function filePolicyStore(options: FilePolicyStoreOptions): PolicyStore {
  anObject('filePolicyStore', options, "Give { path: 'config/limits.yaml' }.");
  aText('filePolicyStore.path', options.path);
  return new FilePolicyStore(options);
}

/** A form of text that a document is written in. */
interface Format {
  readonly parse: (text: string) => unknown;
  readonly print: (document: PolicyDocument) => string;
}

class FilePolicyStore implements PolicyStore {
  readonly name: string;
  private readonly path: string;
  private readonly format: () => Promise<Format>;
  /** What tells one version of the file from another, and its document. */
  private known: { readonly version: string; readonly document: PolicyDocument | undefined } | undefined;
  private changing: Promise<unknown> = Promise.resolve();

  constructor({ path, name = 'policy-file' }: FilePolicyStoreOptions) {
    this.name = name;
    this.path = path;
    this.format = formatOf(path);
  }

  async read(): Promise<PolicyDocument | undefined> {
    const version = await this.version();
    if (version === undefined) {
      if (this.known === undefined) return undefined;
      throw new FileMissingError();
    }
    if (version !== this.known?.version) this.known = { version, document: await this.load() };
    return this.known.document;
  }

  /** Changes of one process come one after another. Two processes that write at once: the later one wins. */
  change(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument> {
    const changed = this.changing.then(() => this.changeOnce(update));
    this.changing = changed.catch(() => undefined);
    return changed;
  }

  async close(): Promise<void> {
    await this.changing;
  }

  private async changeOnce(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument> {
    const document = update(await this.read());
    await this.save(document);
    const version = await this.version();
    if (version !== undefined) this.known = { version, document };
    return document;
  }

  private async load(): Promise<PolicyDocument | undefined> {
    const text = await readFile(this.path, 'utf8');
    if (text.trim() === '') return undefined;
    const format = await this.format();
    try {
      return format.parse(text) as PolicyDocument;
    } catch (error) {
      const [why] = (error instanceof Error ? error.message : String(error)).split('\n');
      throw new RateLimitConfigurationError('policyStore', this.path, `The file cannot be read: ${why}`);
    }
  }

  private async save(document: PolicyDocument): Promise<void> {
    const { print } = await this.format();
    const draft = `${this.path}.${randomUUID()}.tmp`;
    try {
      await writeFile(draft, print(document), { flush: true });
      await rename(draft, this.path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }

  /** `undefined` if there is no file. */
  private async version(): Promise<string | undefined> {
    try {
      const { mtimeNs, size, ino } = await stat(this.path, { bigint: true });
      return `${ino}:${size}:${mtimeNs}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }
}

/** The file was there, and is not any more. */
class FileMissingError extends Error {
  readonly code = 'ENOENT';
  override readonly name = 'FileMissingError';
}

function formatOf(path: string): () => Promise<Format> {
  switch (extname(path)) {
    case '.json':
      return () => Promise.resolve(JSON_FORMAT);
    case '.yaml':
    case '.yml':
      return yamlFormat;
    default:
      throw new RateLimitConfigurationError(
        'filePolicyStore.path',
        path,
        'Give a file that ends in .json, .yaml or .yml.',
      );
  }
}

const JSON_FORMAT: Format = {
  parse: (text) => JSON.parse(text) as unknown,
  print: (document) => `${JSON.stringify(document, undefined, 2)}\n`,
};

async function yamlFormat(): Promise<Format> {
  try {
    const { parse, stringify } = await import('yaml');
    return { parse: (text) => parse(text) as unknown, print: (document) => stringify(document) };
  } catch (error) {
    if (!/MODULE_NOT_FOUND$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    throw new RateLimitConfigurationError('policyStore', '.yaml', 'Install the package yaml, or use a .json file.');
  }
}
