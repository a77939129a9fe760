/** How many calls one signal is given to: `AbortSignal.any` enters in it every signal that it makes of it. */
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
  // It never happens what they listen for; and kept, they would keep what their calls have long done with.
  made.addEventListener = () => undefined;
  return made;
}
