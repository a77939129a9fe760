/** Failed calls of the backend, and lines of the log. A busy machine makes calls fail, and looks like an outage too. */
export interface Heard {
  readonly failures: number;
  readonly warnings: number;
  readonly returns: number;
}

export const NOTHING_HEARD: Heard = { failures: 0, warnings: 0, returns: 0 };

export const between = (earlier: Heard, later: Heard): Heard => ({
  failures: later.failures - earlier.failures,
  warnings: later.warnings - earlier.warnings,
  returns: later.returns - earlier.returns,
});

/** Checks that an outage is one warning, given what was heard before the fault and during it. */
export function expectOneWarning(before: Heard, meanwhile: Heard): void {
  expect(before.warnings).toBeLessThanOrEqual(before.failures);
  // An outage that a busy machine looked like shortly before has had the one warning of these seconds.
  expect(meanwhile.warnings).toBe(before.failures === 0 ? 1 : Math.min(1, meanwhile.warnings));
  expect(before.warnings + meanwhile.warnings).toBeGreaterThanOrEqual(1);
}
