/**
 * Numbers from 0 to below 1, the same for each seed (mulberry32).
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Whole numbers from 0 to below a limit, the same for each seed.
 *
 * @param {number} seed
 * @returns {(below: number) => number}
 */
export function randomWholeNumbers(seed) {
  const next = randomNumbers(seed);
  return (below) => (next() * 2 ** 32) % below;
}
