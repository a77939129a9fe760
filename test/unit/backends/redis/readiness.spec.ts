import { EventEmitter, once } from 'node:events';
import { Readiness } from '../../../../lib/backends/redis/readiness.js';
import type { RedisClient } from '../../../../lib/backends/redis/ioredis-client.js';

/** The part of a client that shows whether it is connected. */
class Connection extends EventEmitter {
  connects = 0;

  constructor(public status: string) {
    super();
  }

  connect(): Promise<never> {
    this.connects += 1;
    this.status = 'connecting';
    return Promise.reject(new Error('Connection is closed.'));
  }

  become(status: string): void {
    this.status = status;
    this.emit(status);
  }

  get listenerTotal(): number {
    return ['ready', 'close', 'end', 'error'].reduce((sum, event) => sum + this.listenerCount(event), 0);
  }
}

const readinessOf = (connection: Connection, lastError?: () => Error | undefined): Readiness =>
  new Readiness(connection as unknown as RedisClient, lastError);

const never = (): AbortSignal => new AbortController().signal;

describe('Readiness', () => {
  it('does not wait for a client that is ready', async () => {
    const readiness = readinessOf(new Connection('ready'));
    expect(readiness.isReady).toBe(true);
    await readiness.wait(never());
  });

  it.each(['connecting', 'connect'])('waits while a connection is being made: %s', async (status) => {
    const connection = new Connection(status);
    const waiting = readinessOf(connection).wait(never());
    connection.become('ready');
    await waiting;
    expect(connection.listenerTotal).toBe(0);
  });

  it.each(['reconnecting', 'close', 'end', 'disconnecting'])(
    'refuses at once while there is none: %s',
    async (status) => {
      const connection = new Connection(status);
      await expect(readinessOf(connection).wait(never())).rejects.toThrow(`No connection to Redis: ${status}`);
      expect(connection.listenerTotal).toBe(0);
    },
  );

  it('tells a client that waits to be asked to connect, once', async () => {
    const connection = new Connection('wait');
    const readiness = readinessOf(connection);
    const waiting = [readiness.wait(never()), readiness.wait(never())];
    expect(connection.connects).toBe(1);
    connection.become('ready');
    await Promise.all(waiting);
  });

  it.each(['close', 'end'])('refuses all who wait when the attempt fails: %s', async (status) => {
    const connection = new Connection('connecting');
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const readiness = readinessOf(connection, () => cause);
    const waiting = Promise.allSettled([readiness.wait(never()), readiness.wait(never())]);
    connection.become(status);
    const refusal = { status: 'rejected', reason: expect.objectContaining({ code: 'ECONNREFUSED', cause }) };
    expect(await waiting).toEqual([refusal, refusal]);
    expect(connection.listenerTotal).toBe(0);
  });

  it('waits no longer than its signal allows, each for itself', async () => {
    const connection = new Connection('connecting');
    const readiness = readinessOf(connection);
    const patient = readiness.wait(never());
    const hasty = new AbortController();
    const waiting = readiness.wait(hasty.signal);
    hasty.abort(new Error('too late'));
    await expect(waiting).rejects.toThrow('too late');
    await expect(readiness.wait(AbortSignal.abort(new Error('too late already')))).rejects.toThrow('too late already');
    connection.become('ready');
    await patient;
    expect(connection.listenerTotal).toBe(0);
  });

  it('listens once, however many wait', async () => {
    const connection = new Connection('connecting');
    const readiness = readinessOf(connection);
    const waiting = Array.from({ length: 1_000 }, () => readiness.wait(never()));
    expect(connection.listenerTotal).toBe(3);
    const ready = once(connection, 'ready');
    connection.become('ready');
    await Promise.all([ready, ...waiting]);
    expect(connection.listenerTotal).toBe(0);
  });
});
