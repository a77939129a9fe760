import type { CountingAlgorithm } from '../contracts/policy.js';
import type { Subject } from './subject.js';

/** What a backend has to do, as a case that is run on a backend of its own. */
export interface CaseDefinition {
  readonly name: string;
  /** Whether it can only be shown on a store whose clock a test sets. */
  readonly needsClock?: boolean;
  run(subject: Subject): Promise<void>;
}

/** Cases that hold alike for each algorithm that counts. */
export type AlgorithmCases = (algorithm: CountingAlgorithm) => readonly CaseDefinition[];
