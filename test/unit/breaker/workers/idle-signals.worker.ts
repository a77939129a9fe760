import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Breaker } from '../../../../lib/breaker/breaker.js';

interface Kept {
  /** Growth of the heap for each call. */
  readonly bytesPerCall: number;
  readonly signals: number;
  readonly aborted: boolean;
  readonly warnings: readonly string[];
}

/** Makes so many calls, each of which leaves a listener and a signal of its own on the signal that it is given. */
export default async function listenForever(calls: number): Promise<Kept> {
  const warnings: string[] = [];
  process.on('warning', ({ name }) => warnings.push(name));
  const breaker = new Breaker();
  const known = new WeakSet<AbortSignal>();
  let signals = 0;
  let aborted = false;
  const listen = async (signal: AbortSignal): Promise<void> => {
    if (!known.has(signal)) signals += 1;
    known.add(signal);
    aborted ||= signal.aborted;
    const payload = new Array<number>(100).fill(0);
    signal.addEventListener('abort', () => payload);
    Object.assign(AbortSignal.any([signal]), { payload });
  };
  const before = heapBytes();
  for (let call = 0; call < calls; call += 1) {
    await breaker.execute(listen);
    // What only weak references hold is collected between turns.
    if (call % 5_000 === 0) await sleep(0);
  }
  await sleep(0);
  const bytesPerCall = (heapBytes() - before) / calls;
  return { bytesPerCall, signals, aborted, warnings };
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
