/** Rounds of a benchmark: all of them, or the share that `BENCH_SCALE` asks for, and one at least. */
export const scaled = (rounds) => Math.max(1, Math.round(rounds * Number(process.env.BENCH_SCALE ?? 1)));
