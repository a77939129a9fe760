import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { randomNumbers } from '../support/random-numbers.js';

/** What a policy of 100 calls in a minute does to a generated log, computed without anything of the package. */
/**
 * @typedef {object} KnownAnswer
 * @property {number} lines
 * @property {number} broken
 * @property {number} calls
 * @property {number} refused
 * @property {number} clients refused clients
 * @property {number} fromOneNetwork refused clients of the network that has most
 * @property {number} oneInAThousand the lowest limit of two digits and zeros that refuses at most one call in a thousand
 */

const LIMIT = 100;
const WINDOW_MS = 60_000;
const START_MS = Date.UTC(2026, 10, 1, 6);
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
const QUIET_CLIENTS = 20_000;
/** Nine of twelve busy clients share a network. */
const BUSY = [
  ...Array.from({ length: 9 }, (_, index) => `203.0.113.${index + 10}`),
  '198.51.100.7',
  '192.0.2.200',
  '2001:db8:5:6::99',
];
const CALLS_OF_EACH = 1_250;
const BUSY_MINUTES = 10;
const A_BROKEN_LINE_IN = 10_000;

/**
 * Writes a log in the combined format: many quiet clients, and twelve that are busy for ten minutes.
 *
 * @param {string} path
 * @param {number} lines calls; broken lines come on top
 * @returns {Promise<KnownAnswer>}
 */
export async function generateLog(path, lines) {
  const random = randomNumbers(20_261_126);
  const { times, clients } = arrivals(lines, random);
  const file = createWriteStream(path);
  let part = '';
  let broken = 0;
  for (let index = 0; index < lines; index += 1) {
    if (index % A_BROKEN_LINE_IN === 5) {
      part += index % 20_000 === 5 ? 'GET / HTTP/1.1 from nowhere\n' : '203.0.113.10 - - [99/Foo/2026] "x" 200 1\n';
      broken += 1;
    }
    part += lineOf(/** @type {number} */ (times[index]), /** @type {number} */ (clients[index]));
    if (part.length > 1_000_000) {
      if (!file.write(part)) await once(file, 'drain');
      part = '';
    }
  }
  file.end(part);
  await once(file, 'finish');
  const own = refusals(LIMIT, times, clients);
  return {
    lines: lines + broken,
    broken,
    calls: lines,
    refused: own.refused,
    clients: own.clients.size,
    fromOneNetwork: [...own.clients].filter((client) => client < 9).length,
    oneInAThousand: lowestLimit(times, clients),
  };
}

/** Times in whole seconds, as the log has them, in order. */
function arrivals(/** @type {number} */ count, /** @type {() => number} */ random) {
  const spanMs = Math.max(count * 7.2, BUSY_MINUTES * 2 * WINDOW_MS);
  const events = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    const busy = Math.floor(index / CALLS_OF_EACH);
    const isBusy = busy < BUSY.length;
    const beginsMs = isBusy ? (spanMs / BUSY.length / 2) * busy : 0;
    const atMs = beginsMs + random() * (isBusy ? BUSY_MINUTES * WINDOW_MS : spanMs);
    const client = isBusy ? busy : BUSY.length + Math.floor(random() * QUIET_CLIENTS);
    // Both in one number, so that typed arrays can sort it.
    events[index] = Math.floor(atMs / 1_000) * 100_000 + client;
  }
  events.sort();
  return {
    times: events.map((event) => START_MS + Math.floor(event / 100_000) * 1_000),
    clients: events.map((event) => event % 100_000),
  };
}

function lineOf(/** @type {number} */ atMs, /** @type {number} */ client) {
  const at = new Date(atMs);
  const two = (/** @type {number} */ number) => String(number).padStart(2, '0');
  const day = `${two(at.getUTCDate())}/${MONTHS[at.getUTCMonth()]}/${at.getUTCFullYear()}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const quiet = client - BUSY.length;
  const address = BUSY[client] ?? `10.${quiet >> 16}.${(quiet >> 8) & 255}.${quiet & 255}`;
  return `${address} - - [${day}:${time} +0000] "GET /books/${client} HTTP/1.1" 200 512 "-" "curl/8.5.0"\n`;
}

/** Two counters a client, by the formula of the sliding window in whole numbers. */
function refusals(/** @type {number} */ limit, /** @type {Float64Array} */ times, /** @type {Float64Array} */ clients) {
  /** @type {Map<number, { window: number, before: number, now: number }>} */
  const counters = new Map();
  const refusedClients = new Set();
  let refused = 0;
  for (let index = 0; index < times.length; index += 1) {
    const at = /** @type {number} */ (times[index]);
    const client = /** @type {number} */ (clients[index]);
    const window = Math.floor(at / WINDOW_MS);
    const known = counters.get(client) ?? { window, before: 0, now: 0 };
    counters.set(client, known);
    if (known.window !== window) {
      known.before = known.window === window - 1 ? known.now : 0;
      known.now = 0;
      known.window = window;
    }
    const left = WINDOW_MS - (at % WINDOW_MS);
    if (known.before * left + (known.now + 1) * WINDOW_MS <= limit * WINDOW_MS) known.now += 1;
    else {
      refused += 1;
      refusedClients.add(client);
    }
  }
  return { refused, clients: refusedClients };
}

/** One limit after another, from above. */
function lowestLimit(/** @type {Float64Array} */ times, /** @type {Float64Array} */ clients) {
  // The quiet clients have far less than any of these limits in a minute.
  const busy = [...times.keys()].filter((index) => /** @type {number} */ (clients[index]) < BUSY.length);
  const [busyTimes, busyClients] = [times, clients].map((all) =>
    Float64Array.from(busy, (index) => /** @type {number} */ (all[index])),
  );
  let lowest = 1_000;
  for (let limit = 1_000; limit >= 50; limit -= limit > 100 ? 10 : 1) {
    const { refused } = refusals(
      limit,
      /** @type {Float64Array} */ (busyTimes),
      /** @type {Float64Array} */ (busyClients),
    );
    if (refused > times.length / 1_000) return lowest;
    lowest = limit;
  }
  return lowest;
}
