// Contenders that decide on keys, each in a process of its own, as in an application, where nothing but its own garbage,
// timers and compiled code bears on it. They take turns.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { scaled } from './scale.mjs';

/** Length of one contender's turn: by time, for some of them are a thousand times slower than others. */
const TURN_NS = 25_000_000n;
const BATCH = 100;

/** As they come from a request: not as text that is still to be put together, which would be counted as weight of a store. */
export const keysOf = (count) =>
  Array.from({ length: count }, (_, index) =>
    Buffer.from(`ip:10.${index >> 16}.${index >> 8}.${index}`).toString('latin1'),
  );

/**
 * Rates of contenders, a second of processor time: of each, one for each round.
 *
 * @param file runs one contender, with the arguments `--contend`, its name and that of the scenario
 */
export async function compete(file, contenders, scenario, { rounds = 15, warmUp = 8 } = {}) {
  const runs = [];
  for (const contender of contenders) {
    const child = fork(file, ['--contend', contender, scenario]);
    await answerOf(child);
    runs.push({ contender, child, rates: [] });
  }
  for (let round = -scaled(warmUp); round < scaled(rounds); round += 1) {
    for (const { child, rates } of runs) {
      child.send('turn');
      const [rate] = await answerOf(child);
      if (round >= 0) rates.push(rate);
    }
  }
  for (const { child } of runs) child.kill();
  return runs;
}

const answerOf = (child) => once(child, 'message', { signal: AbortSignal.timeout(60_000) });

/** In a process of its own: takes a turn whenever it is told to, and tells the rate. */
export async function contend(decide, keys) {
  for (const key of keys) await decide(key);
  const state = { next: 0 };
  // The callers of a limiter know many functions by then: none of these is compiled as a part of the loop that calls it.
  for (const other of [() => 1, () => 2, () => 3, () => 4, () => 5]) {
    decideAtOnce(other, keys, 0);
    await decideByPromise(other, keys, 0);
  }
  process.on('message', async () => process.send(await turn(decide, keys, state)));
  process.on('disconnect', () => process.exit());
  process.send('ready');
}

/** A turn: decisions a second of processor time, so that what else the machine does matters little. */
async function turn(decide, keys, state) {
  const promises = typeof decide(keys[0]).then === 'function';
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  let elapsed = 0n;
  let made = 0;
  while (elapsed < TURN_NS) {
    if (promises) await decideByPromise(decide, keys, state.next);
    else decideAtOnce(decide, keys, state.next);
    state.next = (state.next + BATCH * 7919) % keys.length;
    made += BATCH;
    elapsed = process.hrtime.bigint() - start;
  }
  const { user, system } = process.cpuUsage(before);
  return (made / (user + system)) * 1e6;
}

/** Kept, or the compiler might find that nobody needs to know. */
export let decision;

/** What decides at once is not waited for, just as the guard does not. */
function decideAtOnce(decide, keys, from) {
  for (let call = 0; call < BATCH; call += 1) decision = decide(keys[(from + call * 7919) % keys.length]);
}

async function decideByPromise(decide, keys, from) {
  for (let call = 0; call < BATCH; call += 1) decision = await decide(keys[(from + call * 7919) % keys.length]);
}
