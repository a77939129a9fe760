import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MemoryBackend } from '../../../../../lib/backends/memory/memory.backend.js';
import { testPolicy } from '../../../../../lib/testing/test-policy.js';

interface Flood {
  /** Heap with as many keys as the backend may hold, in bytes. */
  readonly filledBytes: number;
  /** Heap after ten times as many more. */
  readonly afterBytes: number;
  readonly evicted: number;
}

/**
 * Fills a memory backend, floods it with ten times as many keys (each of a policy of its own, if told so), and weighs it
 * before and after.
 */
export default function flood({ maxKeys, policies }: { maxKeys: number; policies: 'one' | 'many' }): Flood {
  const backend = new MemoryBackend({ maxKeys });
  const policy = testPolicy({ algorithm: 'sliding-window', limit: 100, windowMs: 3_600_000 });
  let evicted = 0;
  backend.onEviction((count) => (evicted += count));
  const call = (from: number, to: number): void => {
    for (let index = from; index < to; index += 1) {
      const counted = policies === 'one' ? policy : { ...policy, id: `policy-${index}#sliding-window` };
      backend.consume({ charges: [{ key: `ip:10.0.0.1/${index}`, policy: counted, cost: 1 }], timeoutMs: 250 });
    }
  };
  call(0, maxKeys);
  const filledBytes = heapBytes();
  call(maxKeys, 11 * maxKeys);
  const afterBytes = heapBytes();
  // The backend is still there to be weighed.
  call(0, 1);
  return { filledBytes, afterBytes, evicted: evicted - 1 };
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
