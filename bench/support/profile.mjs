// Whose code runs: profiles of V8, by part of a program.

/** Parts of every program, each by what its functions or their files are called. */
export const SOCKETS = [
  'writing to sockets',
  ({ functionName }) => /^write(v|Utf8String|Latin1String|Buffer)$/.test(functionName),
];
export const GARBAGE = ['garbage collection', ({ functionName }) => functionName === '(garbage collector)'];
export const NODE = ['Node.js', ({ url }) => url.startsWith('node:')];
export const NATIVE = ['native code', ({ functionName }) => functionName !== '(idle)'];

/**
 * Time in each part of a program, in µs, for each of so many pieces of work.
 *
 * @param parts the first that fits counts
 */
export function microsByPart({ nodes, samples, timeDeltas }, pieces, parts) {
  const partOf = (callFrame) => parts.find(([, fits]) => fits(callFrame))?.[0];
  const byNode = new Map(nodes.map(({ id, callFrame }) => [id, partOf(callFrame)]));
  const micros = Object.fromEntries(parts.map(([part]) => [part, 0]));
  samples.forEach((id, index) => {
    const part = byNode.get(id);
    if (part !== undefined) micros[part] += Math.max(0, timeDeltas[index]) / pieces;
  });
  return micros;
}
