// Imported, because the global of this name is a getter, which costs a quarter of a reading.
import { performance } from 'node:perf_hooks';

const { timeOrigin } = performance;

/**
 * Milliseconds since the epoch that never step back: the process's monotonic clock, anchored at its start.
 *
 * Windows are aligned to the epoch, so a purely monotonic clock would not do; the wall clock would, but steps.
 */
export const epochClock = (): number => timeOrigin + performance.now();
