/** A number from 0 to below 1. */
export type Random = () => number;

/** A time between two events that come at random, so many a second, in ms. */
export const pauseMs = (random: Random, perSecond: number): number => (-Math.log(1 - random()) * 1_000) / perSecond;

/** A number between two. */
export const between = (random: Random, least: number, most: number): number => least + random() * (most - least);

/** Answers the process of the next call. `uneven`: the n-th process gets one for every n of the first. */
export function chooser(random: Random, processes: number, spread: 'even' | 'uneven'): () => number {
  if (spread === 'even') return () => Math.floor(random() * processes);
  const sums: number[] = [];
  for (let index = 0; index < processes; index += 1) sums.push((sums[index - 1] ?? 0) + 1 / (index + 1));
  const total = sums[processes - 1] as number;
  return () => {
    const wanted = random() * total;
    let [low, high] = [0, processes - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
