// Load at a steady rate: a request begins when it is due, whether or not earlier ones have ended. A generator whose
// connections wait for their answers sends less to a slow server, and hides what it is slow at.
import { Pool } from 'undici';

const CONNECTIONS = 64;

/** Connections to one server, for {@link pacedLoad}. */
export const connectionsTo = (url) => new Pool(url, { connections: CONNECTIONS, pipelining: 1 });

/** Times from the sending of a request, with its wait for a free connection, to the end of its answer, in ms, sorted. */
export async function pacedLoad(pool, perSecond, seconds) {
  const times = new Float64Array(Math.round(perSecond * seconds));
  const start = performance.now();
  let sent = 0;
  let answered = 0;
  let failure;

  function send() {
    const sentAt = performance.now();
    sent += 1;
    pool.dispatch(
      { path: '/', method: 'GET' },
      {
        onRequestStart() {},
        onResponseStart(_controller, status) {
          if (status !== 200) failure ??= new Error(`A request was answered with ${status}.`);
        },
        onResponseData() {},
        onResponseEnd() {
          times[answered] = performance.now() - sentAt;
          answered += 1;
        },
        onResponseError(_controller, error) {
          failure ??= error;
        },
      },
    );
  }

  while (answered < times.length) {
    const due = Math.min(times.length, Math.floor(((performance.now() - start) / 1_000) * perSecond));
    while (sent < due) send();
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (failure !== undefined) throw failure;
  }
  return times.sort();
}
