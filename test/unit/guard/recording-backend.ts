import { type Backend, type Charge, memoryBackend, type MemoryBackendOptions } from 'nestjs-floodgate';

/** A memory backend that tells what it was asked to charge. */
export interface RecordingBackend extends Backend {
  /** The charges of each call, oldest first. */
  readonly calls: (readonly Charge[])[];
  /** The keys that were charged, oldest first. */
  keys(): readonly string[];
}

/** Makes a backend that records every consume, and decides as memory does. */
export function recordingBackend(options?: MemoryBackendOptions): RecordingBackend {
  const memory = memoryBackend(options);
  const consume = memory.consume.bind(memory);
  const calls: (readonly Charge[])[] = [];
  return Object.assign(memory, {
    calls,
    keys: () => calls.flat().map(({ key }) => key),
    consume: (request: Parameters<Backend['consume']>[0]) => {
      calls.push(request.charges);
      return consume(request);
    },
  });
}
