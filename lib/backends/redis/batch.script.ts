import type { ScriptCall } from './redis-driver.js';
import { type Part, unexpected } from './reply.js';

/** Added to the length of a result that is the text of an error. */
const FAILED = 2 ** 31;

/** Bytes of a length. */
const LENGTH = 4;

/** Several calls of the script as one. `readBatch` reads its reply. */
export function batchOf(calls: readonly ScriptCall[]): ScriptCall {
  const keys: string[] = [];
  const parameters = ['batch', calls.map(shapeOf).join('')];
  for (const call of calls) {
    for (const key of call.keys) keys.push(key);
    for (const parameter of call.parameters) parameters.push(parameter);
  }
  return { keys, parameters };
}

/** Where the result of a call is in the reply, or the text of its error. */
export type Told = Part | { readonly failure: string };

/** @throws TypeError for a reply that the script never sends */
export function readBatch(raw: unknown, count: number): readonly Told[] {
  if (!Buffer.isBuffer(raw)) throw unexpected(raw, 'bytes');
  const told: Told[] = [];
  let from = 0;
  while (from + LENGTH <= raw.length) {
    const length = raw.readUInt32BE(from);
    from += LENGTH;
    const to = from + (length % FAILED);
    told.push(length >= FAILED ? { failure: raw.toString('utf8', from, to) } : { from, to });
    from = to;
  }
  if (told.length !== count || from !== raw.length) throw unexpected(raw, `the replies of ${count} calls`);
  return told;
}

/** The number of keys and parameters of a call, each as two digits in base 128. */
const shapeOf = ({ keys: { length: keys }, parameters: { length: parameters } }: ScriptCall): string =>
  String.fromCharCode(keys >>> 7, keys & 127, parameters >>> 7, parameters & 127);
