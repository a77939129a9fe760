import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** The processes that a process has started and that run. */
export function childrenOf(pid: number): readonly number[] {
  return parents().flatMap(([child, parent]) => (parent === pid ? [child] : []));
}

/** Every process with its parent. Slim images of Linux have no `ps`, and other systems no `/proc`. */
function parents(): readonly (readonly [child: number, parent: number])[] {
  if (process.platform !== 'linux') {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // The name of the program, in brackets, may hold anything.
        const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
        return [[Number(name), Number(parent)] as const];
      } catch {
        return [];
      }
    });
}
