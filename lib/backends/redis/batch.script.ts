import type { ScriptCall } from './redis-driver.js';
import { unexpected } from './reply.js';

/** Added to the length of what a call was told, where that is the text of its error. */
const FAILED = 2 ** 31;

/** Bytes of a length. */
const LENGTH = 4;

/** Calls of the script as one. Its reply is read by `readBatch`. */
export function batchOf(calls: readonly ScriptCall[]): ScriptCall {
  const keys: string[] = [];
  const parameters = ['batch'];
  for (const call of calls) {
    parameters.push(shapeOf(call));
    for (const key of call.keys) keys.push(key);
    for (const parameter of call.parameters) parameters.push(parameter);
  }
  return { keys, parameters };
}

/** What each call was told, or the text of its error. */
export type Told = { readonly raw: Buffer } | { readonly failure: string };

/** @throws TypeError if it is not what the script replies */
export function readBatch(raw: unknown, count: number): readonly Told[] {
  if (!Buffer.isBuffer(raw)) throw unexpected(raw, 'bytes');
  const told: Told[] = [];
  let from = 0;
  while (from + LENGTH <= raw.length) {
    const length = raw.readUInt32BE(from);
    from += LENGTH;
    const to = from + (length % FAILED);
    const part = raw.subarray(from, to);
    told.push(length >= FAILED ? { failure: part.toString() } : { raw: part });
    from = to;
  }
  if (told.length !== count || from !== raw.length) throw unexpected(raw, `the replies of ${count} calls`);
  return told;
}

/** How many keys and parameters a call has, each as two digits to the base 128. */
const shapeOf = ({ keys: { length: keys }, parameters: { length: parameters } }: ScriptCall): string =>
  String.fromCharCode(keys >>> 7, keys & 127, parameters >>> 7, parameters & 127);
