/** A number from 0 to below 1. */
export type Random = () => number;

/** Random numbers that depend on the seed alone (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A time between two events that come at random, so many a second, in ms. */
export const pauseMs = (random: Random, perSecond: number): number => (-Math.log(1 - random()) * 1_000) / perSecond;

/** A number between two. */
export const between = (random: Random, least: number, most: number): number => least + random() * (most - least);
