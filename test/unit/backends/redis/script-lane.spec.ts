import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import type { QueuedCall, Run, Tell } from '../../../../lib/backends/redis/queued-call.js';
import { ScriptLane } from '../../../../lib/backends/redis/script-lane.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

const policy = testPolicy({ algorithm: 'fixed-window', limit: 5, windowMs: 60_000 });

const call = (key: string): QueuedCall => ({
  verb: { kind: 'consume', overdraw: false },
  charges: [{ key, policy, cost: 1 }],
  expiresMs: performance.now() + 60_000,
  signal: undefined,
  resolve: () => undefined,
  reject: () => undefined,
});

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Keys of each script call; none is ever answered. */
let sent: (string | undefined)[][];
let lane: ScriptLane;
beforeEach(() => {
  sent = [];
  const send = (runs: readonly Run[]): Promise<Tell> => {
    sent.push(runs.map(({ first }) => first.charges[0]?.key));
    return new Promise(() => undefined);
  };
  lane = new ScriptLane(send, { maxFlights: 2, coalesce: true });
});

it('sends a call at once if none is on its way', () => {
  lane.join(call('a'));
  expect(sent).toEqual([['a']]);
});

it('lets the calls of all sockets that are ready share a script call', async () => {
  const join = (bytes: Buffer): void => lane.join(call(bytes.toString()));
  let accepted = 0;
  const accept = (socket: Socket): void => {
    accepted += 1;
    socket.on('data', join);
  };
  const server = createServer(accept).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const clients = Array.from({ length: 3 }, (): Socket => createConnection(port, '127.0.0.1'));
  try {
    while (accepted < clients.length) await turnOfTheLoop();
    lane.join(call('first'));
    clients.forEach((client, index) => client.write(`k${index}`));
    // Busy until the bytes of all are there.
    for (const until = performance.now() + 50; performance.now() < until;);
    while (sent.length < 2) await turnOfTheLoop();
    expect(sent.map((keys) => keys.sort())).toEqual([['first'], ['k0', 'k1', 'k2']]);
  } finally {
    clients.forEach((client) => client.destroy());
    await new Promise((resolve) => server.close(resolve));
  }
});

it.each([
  [8, 8],
  [9, 5],
])('of %d calls that wait beside one on its way, %d are sent together', async (waiting, expected) => {
  lane.join(call('first'));
  for (let index = 0; index < waiting; index += 1) lane.join(call(`k${index}`));
  await turnOfTheLoop();
  expect(sent.map((keys) => keys.length)).toEqual([1, expected]);
});
