import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SIZE = '4m';
const BLOCK = Buffer.alloc(64 * 1024);

/** A disk of 4 MB, in memory. */
export class SmallDisk {
  private constructor(
    private readonly root: string,
    /** A directory on it, for a server that has it to itself. */
    readonly path: string,
  ) {}

  /**
   * @param owner of the directory; undefined: who runs the tests
   * @returns undefined where the tests may not mount a disk
   */
  static async mount(
    owner: { readonly uid: number; readonly gid: number } | undefined,
  ): Promise<SmallDisk | undefined> {
    const root = mkdtempSync(join(tmpdir(), 'floodgate-disk-'));
    const ids = owner === undefined ? '' : `,uid=${owner.uid},gid=${owner.gid}`;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=755${ids}`, 'tmpfs', root], { stdio: 'ignore' });
    } catch {
      rmSync(root, { recursive: true });
      return undefined;
    }
    const path = join(root, 'space');
    mkdirSync(path, { mode: 0o700 });
    if (owner !== undefined) execFileSync('chown', [`${owner.uid}:${owner.gid}`, path]);
    return new SmallDisk(root, path);
  }

  /** Leaves no byte free. */
  async fill(): Promise<void> {
    for (let number = 0; ; number += 1) {
      try {
        writeFileSync(join(this.root, `ballast-${number}`), BLOCK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  free(): void {
    execFileSync('sh', ['-c', 'rm -f "$1"/ballast-*', 'sh', this.root]);
  }

  /** After the server has ended. */
  async unmount(): Promise<void> {
    execFileSync('umount', ['-l', this.root]);
    rmSync(this.root, { recursive: true, force: true });
  }
}
