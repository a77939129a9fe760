export {
  backendConformance,
  describeConformance,
  type ConformanceCase,
  type ConformanceOptions,
  type TestRunner,
} from './conformance.js';
export { DECISION_VECTORS, VECTOR_START_MS, type DecisionVector, type VectorStep } from './decision-vectors.js';
export { expectLimited, type LimitedExpectation, type LimitedOutcome } from './expect-limited.js';
export { fakeClock, type FakeClock, type FakeClockOptions } from './fake-clock.js';
export {
  faultyBackend,
  type BackendBehaviour,
  type FaultyBackend,
  type FaultyBackendOptions,
} from './faulty.backend.js';
export { resetAll } from './reset-all.js';
export type { ConformanceClock } from './subject.js';
export { testPolicy } from './test-policy.js';
