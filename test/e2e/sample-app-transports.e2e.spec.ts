import { type ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { io, type Socket } from 'socket.io-client';
import { type SampleWithTills, startSampleWithTills } from '../support/sample-app.js';
import { expectNoUnhandled } from '../support/unhandled.js';

const A_REFUSAL = {
  status: 'error',
  code: 'RATE_LIMITED',
  message: 'Too Many Requests',
  retryAfterMs: expect.any(Number) as unknown,
};
const AN_OUTAGE = { ...A_REFUSAL, code: 'BACKEND_UNAVAILABLE', message: 'Service Unavailable' };

let sample: SampleWithTills;

beforeEach(async () => {
  sample = await startSampleWithTills();
});
afterEach(() => sample.close());

async function during<T>(work: () => Promise<T>): Promise<T> {
  await fetch(`${sample.url}/demo/backend/down`, { method: 'POST' });
  const result = await work();
  await fetch(`${sample.url}/demo/backend/up`, { method: 'POST' });
  return result;
}

describe('the sample over GraphQL', () => {
  interface Answer {
    readonly data: Readonly<Record<string, unknown>>;
    readonly errors?: readonly { readonly path: readonly string[]; readonly extensions: object }[];
  }

  async function ask(query: string): Promise<{ readonly headers: Headers; readonly status: number } & Answer> {
    const response = await fetch(`${sample.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const { status, headers } = response;
    return { status, headers, ...((await response.json()) as Answer) };
  }

  it('refuses the field that is asked for too often, and answers the others', async () => {
    const fields = ['a', 'b', 'c', 'd'].map((alias) => `${alias}: recommended { title }`).join(' ');
    const { status, headers, data, errors } = await ask(`{ books { id } ${fields} }`);
    expect(status).toBe(200);
    expect(data).toEqual({
      books: [{ id: 1 }, { id: 2 }, { id: 3 }],
      a: { title: 'The Water-Babies' },
      b: { title: 'The Mill on the Floss' },
      c: { title: 'Three Men in a Boat' },
      d: null,
    });
    expect(errors).toHaveLength(1);
    expect(errors?.[0]).toMatchObject({
      message: 'Too Many Requests',
      path: ['d'],
      extensions: {
        code: 'RATE_LIMITED',
        retryAfterMs: expect.any(Number),
        policies: [{ name: 'api' }, { name: 'recommended' }],
      },
    });
    expect(JSON.stringify(errors)).not.toContain('stacktrace');
    expect(headers.get('ratelimit-policy')).toBe('"api";q=100;w=60, "recommended";q=3;w=60');
    // Five root fields, of which four passed.
    expect(headers.get('ratelimit')).toMatch(/^"api";r=96;t=\d+, "recommended";r=0;t=\d+$/);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('tells of an outage by its code', async () => {
    const { status, errors } = await during(() => ask('{ books { id } }'));
    expect(status).toBe(200);
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect((await ask('{ books { id } }')).errors).toBeUndefined();
  });
});

describe('the sample over WebSocket', () => {
  const sockets: Socket[] = [];

  async function connect(): Promise<Socket> {
    const socket = io(sample.url, { transports: ['websocket'], reconnection: false, forceNew: true });
    sockets.push(socket);
    await heard(socket, 'connect');
    return socket;
  }
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.close();
  });

  it('refuses questions above the limit, in the acknowledgement or as an event, and stays open', () =>
    expectNoUnhandled(async () => {
      const socket = await connect();
      const events: unknown[] = [];
      const answers = await Promise.all(['1', '2', '3', '4'].map((one) => socket.emitWithAck('ask', one)));
      expect(answers).toEqual([
        { answer: 'I will look into "1".' },
        { answer: 'I will look into "2".' },
        { answer: 'I will look into "3".' },
        A_REFUSAL,
      ]);
      socket.on('exception', (refusal) => events.push(refusal));
      socket.emit('ask', 'without an acknowledgement');
      expect(await socket.emitWithAck('hours')).toBe('We are open from nine to six.');
      expect(events).toEqual([A_REFUSAL]);
    }));

  it('refuses connections above the limit', () =>
    expectNoUnhandled(async () => {
      for (let count = 0; count < 10; count += 1) await connect();
      const socket = io(sample.url, { transports: ['websocket'], reconnection: false, forceNew: true });
      sockets.push(socket);
      const told = heard(socket, 'exception');
      const closed = heard(socket, 'disconnect');
      expect(await told).toEqual([A_REFUSAL]);
      expect(await closed).toEqual(['io server disconnect', undefined]);
    }));

  it('tells of an outage by its code, and stays open', () =>
    expectNoUnhandled(async () => {
      const socket = await connect();
      expect(await during(() => socket.emitWithAck('ask', 'now?'))).toEqual(AN_OUTAGE);
      expect(await socket.emitWithAck('ask', 'and now?')).toEqual({ answer: 'I will look into "and now?".' });
    }));
});

describe('the sample over TCP', () => {
  let till: ClientProxy;

  beforeEach(() => {
    const options = { host: '127.0.0.1', port: sample.tillsPort };
    till = ClientProxyFactory.create({ transport: Transport.TCP, options });
  });
  afterEach(() => till.close());

  const reserve = (book: unknown): Promise<unknown> =>
    firstValueFrom(till.send<unknown>('reserve', { book })).catch((error: unknown) => error);

  it('refuses what is asked too often', () =>
    expectNoUnhandled(async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => reserve(3)));
      expect(answers.slice(0, 3)).toEqual(new Array(3).fill({ reserved: 'Three Men in a Boat' }));
      expect(answers.slice(3)).toEqual(new Array(7).fill(A_REFUSAL));
    }));

  it('tells of an outage by its code', () =>
    expectNoUnhandled(async () => {
      expect(await during(() => reserve(1))).toEqual(AN_OUTAGE);
      expect(await reserve(1)).toEqual({ reserved: 'The Water-Babies' });
    }));
});

/** What comes with the next event of this name. */
const heard = (socket: Socket, event: string): Promise<unknown[]> =>
  new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args)));
