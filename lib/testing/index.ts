export {
  backendConformance,
  describeConformance,
  type ConformanceCase,
  type ConformanceOptions,
  type TestRunner,
} from './conformance.js';
export { DECISION_VECTORS, VECTOR_START_MS, type DecisionVector, type VectorStep } from './decision-vectors.js';
export type { ConformanceClock } from './subject.js';
export { testPolicy } from './test-policy.js';
