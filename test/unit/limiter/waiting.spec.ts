import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  BackendUnavailableError,
  memoryBackend,
  Paced,
  RateLimitExceededException,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { recordingBackend, type RecordingBackend } from '../guard/recording-backend.js';

const BUCKET = { rate: '100/s', algorithm: 'token-bucket', burst: 2 } as const;

@Injectable()
class Crm {
  readonly pushed: string[] = [];
  answer: Error | undefined;

  @Paced('crm', { key: (tenant) => `crm:${String(tenant)}`, maxWait: '20s' })
  async push(tenant: string, contact: string): Promise<string> {
    this.pushed.push(`${tenant}:${contact}`);
    if (this.answer !== undefined) throw this.answer;
    return contact;
  }
}

let app: INestApplicationContext;
let backend: RecordingBackend;

afterEach(() => app.close());

async function start(options: RateLimitModuleOptions = {}): Promise<{ service: BackendService; crm: Crm }> {
  backend = recordingBackend({});
  app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        backend,
        policies: { crm: BUCKET, once: '1/h', never: { limit: 0, window: '1h' } },
        ...options,
      }),
    ],
    providers: [Crm],
  }).compile();
  await app.init();
  return { service: app.get(BackendService), crm: app.get(Crm) };
}

describe('waitFor', () => {
  it('admits in order of arrival, with about one call to the store for each', async () => {
    const { service } = await start();
    const order: number[] = [];
    const waiters = Array.from({ length: 40 }, async (_, index) => {
      const decision = await service.waitFor('key', 'crm', { maxWait: '20s' });
      order.push(index);
      return decision;
    });
    const decisions = await Promise.all(waiters);
    expect(order).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(decisions.every(({ kind }) => kind === 'allowed')).toBe(true);
    expect(decisions[0]).toMatchObject({ policies: [{ name: 'crm' }] });
    expect(backend.calls.length).toBeLessThanOrEqual(44);
  });

  it('rejects at once what cannot pass in time, or never', async () => {
    const { service } = await start();
    await service.waitFor('key', 'once', { maxWait: '1s' });
    await expect(service.waitFor('key', 'once', { maxWait: '5s' })).rejects.toBeInstanceOf(RateLimitExceededException);
    await expect(service.waitFor('key', 'never', { maxWait: '5s' })).rejects.toBeInstanceOf(RateLimitExceededException);
    expect(backend.calls.length).toBe(3);
  });

  it('lets those behind pass when the first in line gives up', async () => {
    const { service } = await start();
    const given = new AbortController();
    await Promise.all([1, 2].map(() => service.waitFor('key', 'crm', { maxWait: '20s' })));
    const first = service.waitFor('key', 'crm', { maxWait: '20s', signal: given.signal });
    const second = service.waitFor('key', 'crm', { maxWait: '20s' });
    given.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    expect((await second).kind).toBe('allowed');
  });

  it('ends a wait behind others at maxWait', async () => {
    const { service } = await start({ policies: { slow: { rate: '1/2s', algorithm: 'token-bucket' } } });
    await service.waitFor('key', 'slow', { maxWait: '20s' });
    const first = service.waitFor('key', 'slow', { maxWait: '20s' });
    await expect(service.waitFor('key', 'slow', { maxWait: 20 })).rejects.toBeInstanceOf(RateLimitExceededException);
    expect((await first).kind).toBe('allowed');
  });

  it('waits for other keys apart', async () => {
    const { service } = await start();
    await service.waitFor('one', 'once', { maxWait: '1s' });
    expect((await service.waitFor('other', 'once', { maxWait: '1s' })).kind).toBe('allowed');
  });

  it('leaves an outage to the failure mode', async () => {
    const down = Object.assign(memoryBackend(), {
      consume: () => Promise.reject(new BackendUnavailableError({ backend: 'memory' })),
    });
    const { service } = await start({ backend: down });
    await expect(service.waitFor('key', 'crm', { maxWait: '1s' })).rejects.toBeInstanceOf(BackendUnavailableError);
    await app.close();
    const open = await start({ backend: down, failureMode: 'open' });
    expect(await open.service.waitFor('key', 'crm', { maxWait: '1s' })).toMatchObject({ reason: 'failed-open' });
  });

  it('rejects at once with a signal that is aborted already, and asks nobody', async () => {
    const { service } = await start();
    const wait = service.waitFor('key', 'crm', { maxWait: '1s', signal: AbortSignal.abort(new Error('gone')) });
    await expect(wait).rejects.toThrow('gone');
    expect(backend.calls.length).toBe(0);
  });
});

describe('@Paced', () => {
  it('makes calls wait in order, apart for each key', async () => {
    const { crm } = await start();
    const calls = [1, 2, 3, 4].flatMap((count) => [crm.push('a', String(count)), crm.push('b', String(count))]);
    expect(await Promise.all(calls)).toEqual(['1', '1', '2', '2', '3', '3', '4', '4']);
    expect(crm.pushed.filter((one) => one.startsWith('a'))).toEqual(['a:1', 'a:2', 'a:3', 'a:4']);
  });

  it.each([
    ['a response with seconds', { response: { status: 429, headers: { 'retry-after': '3600' } } }],
    ['a Headers object', { status: 429, headers: new Headers({ 'Retry-After': '3600' }) }],
    ['a date', { statusCode: 429, headers: { 'Retry-After': new Date(Date.now() + 3_600_000).toUTCString() } }],
    ['an error of its own', { status: 429, retryAfterMs: 3_600_000 }],
  ])('pauses the key for as long as a 429 says, told by %s', async (_how, told) => {
    const { crm, service } = await start();
    crm.answer = Object.assign(new Error('Too many'), told);
    await expect(crm.push('a', '1')).rejects.toThrow('Too many');
    crm.answer = undefined;
    const waiting = service.waitFor('crm:a', 'crm', { maxWait: '10s' });
    await expect(waiting).rejects.toBeInstanceOf(RateLimitExceededException);
    const { decision } = (await waiting.catch((error: unknown) => error)) as RateLimitExceededException;
    expect(decision.retryAfterMs).toBeGreaterThan(3_500_000);
    expect(await crm.push('b', '1')).toBe('1');
  });

  it('does not pause for other errors, nor for a 429 that says nothing', async () => {
    const { crm } = await start();
    for (const told of [{ status: 429 }, { status: 503, retryAfterMs: 60_000 }, {}]) {
      crm.answer = Object.assign(new Error('no'), told);
      await expect(crm.push('a', '1')).rejects.toThrow('no');
    }
    crm.answer = undefined;
    expect(await crm.push('a', '2')).toBe('2');
  });

  it('never shortens a pause', async () => {
    const { crm, service } = await start();
    for (const retryAfterMs of [3_600_000, 1_000]) {
      await service.pause('crm:a', 'crm', retryAfterMs);
    }
    await expect(service.waitFor('crm:a', 'crm', { maxWait: '10s' })).rejects.toBeInstanceOf(
      RateLimitExceededException,
    );
    expect(await crm.push('b', '1')).toBe('1');
  });

  it('keeps the name of the method', () => {
    expect(Crm.prototype.push.name).toBe('push');
  });
});
