/** Of a backend whose counters a test can forget all at once. */
export const CLEAR = Symbol.for('nestjs-floodgate:clear');

/** A backend that `resetAll()` of `nestjs-floodgate/testing` can clear. */
export interface Clearable {
  /** Forgets all counters. Returns whether it could. */
  [CLEAR](): boolean;
}
