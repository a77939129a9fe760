import { once } from 'node:events';
import { connect } from 'node:net';
import { spawnWorkers, type SpawnWorkersOptions } from './child-process.js';
import { eventually } from './eventually.js';
import type probe from './workers/probe.worker.js';
import type { ProbeInput, ProbeReply } from './workers/probe.worker.js';

const HOUR_MS = 3_600_000;
const NOISE_MS = 60_000;

function run(
  count: number,
  input: ProbeInput | ((index: number) => ProbeInput),
  options?: SpawnWorkersOptions,
): Promise<ProbeReply[]> {
  return spawnWorkers<typeof probe>(count, new URL('./workers/probe.worker.ts', import.meta.url), input, options);
}

describe('spawnWorkers', () => {
  it('gets the reply of each of several processes, in their order', async () => {
    const replies = await run(3, (index) => ({ task: 'look', note: `for ${index}` }));
    expect(replies).toEqual([0, 1, 2].map((index) => expect.objectContaining({ index, note: `for ${index}` })));
    expect(new Set([process.pid, ...replies.map(({ pid }) => pid)]).size).toBe(4);
  });

  it('lets the workers meet, so that all of them work at the same time', async () => {
    const said: string[] = [];
    await run(3, { task: 'meet' }, { onMessage: (message, index) => said.push(`${index}: ${String(message)}`) });
    expect(said.slice(0, 3).sort()).toEqual(['0: 0 waits', '1: 1 waits', '2: 2 waits']);
    expect(said.slice(3).sort()).toEqual(['0: 0 goes on', '1: 1 goes on', '2: 2 goes on']);
  });

  it('skews the clock of one', async () => {
    const [right, wrong] = await run(2, { task: 'look' }, { clockSkewMs: (index) => index * HOUR_MS });
    expect(Math.abs(right!.nowMs - Date.now())).toBeLessThan(NOISE_MS);
    for (const field of ['nowMs', 'newDateMs', 'timeOriginMs'] as const) {
      expect(Math.abs(wrong![field] - right![field] - HOUR_MS)).toBeLessThan(NOISE_MS);
    }
    expect(Math.abs(wrong!.timeOriginMs + wrong!.elapsedMs - wrong!.nowMs)).toBeLessThan(NOISE_MS);
  });

  it('runs a Nest application with emitted metadata', async () => {
    const [reply] = await run(1, { task: 'serve' });
    expect(reply!.served).toBe('hello');
  });

  it('fails with the stack of what a worker throws, in TypeScript', async () => {
    await expect(run(2, (index) => ({ task: index === 1 ? 'throw' : 'linger' }))).rejects.toThrow(
      /^Worker 1 threw CircuitOpenError: Circuit 'worker' is open\n[^]*probe\.worker\.ts:\d+/,
    );
  });

  it('fails with the last words of a worker that dies', async () => {
    await expect(run(1, { task: 'die' })).rejects.toThrow(/^Worker 0 died \(code 3\)\n[^]*last words/);
  });

  it('fails when a worker that has answered does not end by itself', async () => {
    await expect(run(1, { task: 'linger' }, { exitTimeoutMs: 50 })).rejects.toThrow(
      'Worker 0 has answered, and did not end by itself within 50 ms',
    );
  });

  it('fails when a worker is not done in time', async () => {
    await expect(run(1, { task: 'hang' }, { timeoutMs: 1_500 })).rejects.toThrow('Worker 0 is not done after 1500 ms');
  });

  it('takes the redis-server of a process that is killed with it', async () => {
    let port = 0;
    const orphaned = run(1, { task: 'orphan-redis' }, { onMessage: (message) => (port = Number(message)) });
    await expect(orphaned).rejects.toThrow('Worker 0 died (SIGKILL)');
    expect(port).toBeGreaterThan(0);
    await eventually(() => refuses(port), { what: 'the port refuses' });
  });
});

async function refuses(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
