import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { type Clock, install } from '@sinonjs/fake-timers';
import { SlotQueue } from '../../../lib/limiter/slot-queue.js';

const MAX_WAIT_MS = 5_000;
const POLL_MS = 250;

let clock: Clock;
/** Free slots of the store. */
let free: number;
let emptied: number;
let told: string[];

beforeEach(() => {
  clock = install({ toFake: ['setTimeout', 'clearTimeout'] });
  free = 0;
  emptied = 0;
  told = [];
});

afterEach(() => clock.uninstall());

const queueOf = (order: 'fifo' | 'lifo' = 'fifo') =>
  new SlotQueue<string>({ size: 3, maxWaitMs: MAX_WAIT_MS, order }, () => (emptied += 1));

/** A call that tells what becomes of it. */
async function wait(queue: SlotQueue<string>, name: string, client = new AbortController()): Promise<void> {
  const waiting = {
    ask: async () => {
      told.push(`${name} asks`);
      await turn();
      if (free === 0) return undefined;
      free -= 1;
      return `a slot for ${name}`;
    },
    giveUp: () => `nothing for ${name}`,
    drop: (answer: string) => {
      told.push(`${answer} is dropped`);
      free += 1;
    },
  };
  const answer = await queue
    .wait(waiting, client.signal)
    .catch((error: unknown) => `${name} is ${(error as Error).message}`);
  told.push(answer);
}

it.each([
  ['fifo', 'first', 'second'],
  ['lifo', 'second', 'first'],
] as const)('serves each once, in order %s, and forgets whoever is served', async (order, one, other) => {
  const queue = queueOf(order);
  const calls = [wait(queue, 'first'), wait(queue, 'second')];
  free = 1;
  await queue.next();
  expect(told).toEqual([`${one} asks`, `${other} asks`, `a slot for ${one}`]);
  expect(emptied).toBe(0);
  free = 1;
  await queue.next();
  await Promise.all(calls);
  expect(told.slice(3)).toEqual([`${other} asks`, `a slot for ${other}`]);
  expect(emptied).toBe(1);
  expect(clock.countTimers()).toBe(0);
});

it('has room again for each that is served', async () => {
  const queue = queueOf();
  const calls = ['a', 'b', 'c'].map((name) => wait(queue, name));
  expect(queue.isFull).toBe(true);
  free = 1;
  await queue.next();
  expect(queue.isFull).toBe(false);
  free = 2;
  await queue.next();
  await Promise.all(calls);
  expect(emptied).toBe(1);
});

it('drops the slot of a call that hangs up while it asks, for the next one', async () => {
  const queue = queueOf();
  const client = new AbortController();
  const calls = [wait(queue, 'gone', client), wait(queue, 'next')];
  free = 1;
  const served = queue.next();
  client.abort(new Error('gone'));
  await served;
  await Promise.all(calls);
  expect(told).toEqual(['gone asks', 'gone is gone', 'a slot for gone is dropped', 'next asks', 'a slot for next']);
  expect(clock.countTimers()).toBe(0);
});

it('lets nobody give up who was served, and those go who have waited for too long', async () => {
  const queue = queueOf();
  const calls = [wait(queue, 'served'), wait(queue, 'late')];
  free = 1;
  await queue.next();
  await clock.tickAsync(MAX_WAIT_MS);
  await Promise.all(calls);
  expect(told.filter((one) => !one.endsWith('asks'))).toEqual(['a slot for served', 'nothing for late']);
  expect(emptied).toBe(1);
  expect(clock.countTimers()).toBe(0);
});

it('asks by itself for slots that are freed elsewhere', async () => {
  const queue = queueOf();
  const call = wait(queue, 'first');
  await clock.tickAsync(POLL_MS);
  expect(told).toEqual(['first asks']);
  free = 1;
  await clock.tickAsync(POLL_MS);
  await call;
  expect(told).toEqual(['first asks', 'first asks', 'a slot for first']);
});

it('asks for one at a time, however many slots are freed meanwhile', async () => {
  const queue = queueOf();
  const calls = [wait(queue, 'first'), wait(queue, 'second')];
  free = 1;
  await Promise.all([queue.next(), queue.next(), queue.next()]);
  expect(told).toEqual(['first asks', 'second asks', 'a slot for first']);
  free = 1;
  await queue.next();
  await Promise.all(calls);
  expect(told.slice(3)).toEqual(['second asks', 'a slot for second']);
});

it('lets go at once who hung up before', async () => {
  const queue = queueOf();
  const client = new AbortController();
  client.abort(new Error('gone'));
  await wait(queue, 'late', client);
  expect(told).toEqual(['late is gone']);
  expect(emptied).toBe(1);
  expect(clock.countTimers()).toBe(0);
});

it('listens to a client only while its call waits', async () => {
  const queue = queueOf();
  const client = new AbortController();
  const call = wait(queue, 'first', client);
  expect(getEventListeners(client.signal, 'abort')).toHaveLength(1);
  free = 1;
  await queue.next();
  await call;
  expect(getEventListeners(client.signal, 'abort')).toHaveLength(0);
});

it('tells an error to the call that asked, and serves the next one', async () => {
  const queue = queueOf();
  const broken = queue.wait(
    {
      ask: () => Promise.reject(new Error('broken')),
      giveUp: () => 'nothing',
      drop: () => undefined,
    },
    undefined,
  );
  const call = wait(queue, 'second');
  free = 1;
  void queue.next();
  await expect(broken).rejects.toThrow('broken');
  await call;
  expect(told).toEqual(['second asks', 'a slot for second']);
});
