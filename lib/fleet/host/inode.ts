import { statSync } from 'node:fs';

/** Number of the file at a path; `undefined` if there is none. */
export function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}
