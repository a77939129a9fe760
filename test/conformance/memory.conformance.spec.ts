import { memoryBackend } from '../../lib/backends/memory/memory.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { manualClock } from '../support/manual-clock.js';

const clock = manualClock();

describeConformance({ describe, it }, { name: 'memory on a set clock', clock, create: () => memoryBackend({ clock }) });

describeConformance({ describe, it }, { name: 'memory in real time', create: () => memoryBackend() });
