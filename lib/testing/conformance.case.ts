import type { AlgorithmName } from '../contracts/policy.js';
import type { Subject } from './subject.js';

/** What a backend has to do, as a case that is run on a backend of its own. */
export interface CaseDefinition {
  readonly name: string;
  /** Whether it can only be shown on a store whose clock a test sets. */
  readonly needsClock?: boolean;
  run(subject: Subject): Promise<void>;
}

/** Cases that hold for each algorithm alike. */
export type AlgorithmCases = (algorithm: AlgorithmName) => readonly CaseDefinition[];
