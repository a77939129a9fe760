/** A number from 0 to below 1. */
export type Random = () => number;

/** A time between two events that come at random, so many a second, in ms. */
export const pauseMs = (random: Random, perSecond: number): number => (-Math.log(1 - random()) * 1_000) / perSecond;

/** A number between two. */
export const between = (random: Random, least: number, most: number): number => least + random() * (most - least);
