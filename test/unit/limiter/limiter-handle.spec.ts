import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  RateLimitConfigurationError,
  RateLimitExceededException,
  RateLimitModule,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import { recordingBackend, type RecordingBackend } from '../guard/recording-backend.js';

let app: INestApplicationContext;
let backend: RecordingBackend;
let service: BackendService;

beforeEach(async () => {
  backend = recordingBackend({});
  app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({ backend, policies: { exports: '5/h', jobs: { limit: 1, algorithm: 'concurrency' } } }),
    ],
  }).compile();
  await app.init();
  service = app.get(BackendService);
});

afterEach(() => app.close());

describe('a limiter handle', () => {
  it('counts in the counters of its policies, as the service does', async () => {
    const limiter = service.limiter('exports');
    expect((await limiter.consume('a', { cost: 3 })).policies).toMatchObject([{ name: 'exports', remaining: 2 }]);
    expect((await service.peek('a', 'exports')).policies).toMatchObject([{ remaining: 2 }]);
    expect((await limiter.peek('a')).policies).toMatchObject([{ remaining: 2 }]);
    await limiter.refund('a', 2);
    expect((await limiter.peek('a')).policies).toMatchObject([{ remaining: 4 }]);
    await limiter.reset('a');
    expect((await limiter.peek('a')).policies).toMatchObject([{ remaining: 5 }]);
  });

  it('holds leases, and slots', async () => {
    const lease = await service.limiter('exports').acquire('a', { cost: 5 });
    await expect(service.limiter('exports').acquire('a')).rejects.toBeInstanceOf(RateLimitExceededException);
    await lease.release();
    const jobs = service.limiter('jobs');
    const slot = await jobs.acquire('a');
    await expect(jobs.acquire('a')).rejects.toBeInstanceOf(RateLimitExceededException);
    await slot.release();
    await (await jobs.acquire('a')).release();
  });

  it('has options for all its calls, and those of a call stand above them', async () => {
    const limiter = service.limiter('exports', { cost: 2 });
    await limiter.consume('a');
    await limiter.consume('a', { cost: 1 });
    expect(backend.calls.map(([charge]) => charge?.cost)).toEqual([2, 1]);
    await limiter.refund('a');
    expect((await limiter.peek('a')).policies).toMatchObject([{ remaining: 4 }]);
  });

  it('follows a change of a named policy at once; a policy that is written there stays', async () => {
    const named = service.limiter('exports');
    const written = service.limiter('7/h');
    await app.get(RateLimitPolicies).set('exports', '50/h');
    expect((await named.consume('a')).policies).toMatchObject([{ limit: 50 }]);
    expect((await written.consume('a')).policies).toMatchObject([{ limit: 7 }]);
  });

  it.each<[string, () => unknown, string]>([
    ['an unknown policy', () => service.limiter('export'), "'export'"],
    ['a wrong rate', () => service.limiter('5 an hour/x'), '5 an hour/x'],
    ['no policy', () => service.limiter([]), 'at least one policy'],
    ['a wrong option', () => service.limiter('exports', { timeout: 'soon' }), 'timeout'],
    ['an unknown option', () => service.limiter('exports', { costs: 1 } as never), 'costs'],
  ])('throws at once for %s', (_what, make, told) => {
    expect(make).toThrow(RateLimitConfigurationError);
    expect(make).toThrow(told);
  });
});
