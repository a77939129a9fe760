import { setMaxListeners } from 'node:events';

/** How many calls one signal is given to: what they leave on it is the most that ever stays. */
const CALLS_PER_SIGNAL = 2_000;

let signal = makeSignal();
let calls = 0;

/**
 * The signal of a call that nobody can abort. Making one takes longer than the call, so calls share it; after a while
 * they get a new one, for what listens on a signal (`AbortSignal.any` does, unseen) must not stay for ever.
 */
export function idleSignal(): AbortSignal {
  calls += 1;
  if (calls > CALLS_PER_SIGNAL) {
    calls = 1;
    signal = makeSignal();
  }
  return signal;
}

function makeSignal(): AbortSignal {
  const { signal: made } = new AbortController();
  // Listeners of many calls at a time are no leak: Node is not to warn of them.
  setMaxListeners(0, made);
  return made;
}
