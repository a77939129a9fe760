/** Number of calls that share one signal: `AbortSignal.any` registers every derived signal with it. */
const CALLS_PER_SIGNAL = 2_000;

let signal = makeSignal();
let calls = 0;

/**
 * The signal of a call that nobody can abort. Creating a signal takes longer than the call, so calls share one. After a
 * number of calls they get a new one, so that the references to it do not grow without end.
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
  // The event never happens, and stored listeners would keep objects of ended calls alive.
  made.addEventListener = () => undefined;
  return made;
}
