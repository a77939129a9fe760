import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, typescriptOf } from './markdown.js';

/** The named blocks of a page as files, so that they can be run. */
export class RunnableBlocks implements AsyncDisposable {
  private constructor(private readonly directory: string) {}

  static async of(page: string): Promise<RunnableBlocks> {
    // Inside the project, or its dependencies would not be found; hidden, so that no other tool takes it for source.
    const directory = await mkdtemp(join(ROOT, 'test/docs/.blocks-'));
    const named = typescriptOf(page).flatMap(({ fileName, text }) =>
      fileName === undefined ? [] : [{ fileName, text }],
    );
    await Promise.all(named.map(({ fileName, text }) => writeFile(join(directory, fileName), text)));
    return new RunnableBlocks(directory);
  }

  /** What a block exports. */
  async exportsOf<T>(fileName: string): Promise<T> {
    return (await import(join(this.directory, fileName))) as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true });
  }
}
