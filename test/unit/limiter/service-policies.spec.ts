import { jest } from '@jest/globals';
import { Controller, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  type ConsumeOptions,
  type Decision,
  memoryBackend,
  type PolicyInput,
  RateLimit,
  RateLimitModule,
  RateLimitPolicies,
  routeLimits,
} from 'nestjs-floodgate';
import { PolicyCatalog } from '../../../lib/policies/policy-catalog.js';
import { manualClock } from '../../support/manual-clock.js';
import type { ConsumeRequest } from '../../../lib/contracts/backend.js';

@Controller()
class CatsController {
  @RateLimit({ name: 'cats', rate: '5/m' }, '7/m')
  all(): void {
    // Called by nobody.
  }
}

let app: INestApplicationContext;
let service: BackendService;
let requests: ConsumeRequest[];
let logged: (readonly unknown[])[];

beforeEach(async () => {
  const backend = memoryBackend({ clock: manualClock() });
  const consume = backend.consume.bind(backend);
  requests = [];
  Object.assign(backend, { consume: (request: ConsumeRequest) => (requests.push(request), consume(request)) });
  const policies: Record<string, PolicyInput> = {
    ...Object.fromEntries(['a', 'bc', 'ab', 'c'].map((name, index) => [name, `${index + 2}/m`])),
    free: { limit: null, window: '1m' },
    api: { rate: '10/m', algorithm: 'fixed-window' },
    failures: { rate: '9/m', chargeOn: 'failure' },
  };
  app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend, policies })],
    controllers: [CatsController],
  }).compile();
  await app.init();
  logged = [];
  const write = (...given: readonly unknown[]): void => void logged.push(given);
  app.useLogger({ log: write, warn: write, error: write });
  service = app.get(BackendService);
});

afterEach(async () => {
  app.useLogger(false);
  await app.close();
  jest.restoreAllMocks();
});

const quotas = ({ policies }: Decision) => policies.map(({ name, limit, remaining }) => [name, limit, remaining]);

describe('the policies of a call', () => {
  it('are resolved once if they are names or rates, however often they are used', async () => {
    const resolve = jest.spyOn(app.get(PolicyCatalog), 'forService');
    for (let time = 0; time < 3; time += 1) {
      await service.consume('someone', '9/m');
      await service.consume('someone', ['a', '8/m']);
    }
    expect(resolve.mock.calls.map(([input]) => input)).toEqual(['9/m', 'a', '8/m']);
  });

  it('are resolved again after a change', async () => {
    const resolve = jest.spyOn(app.get(PolicyCatalog), 'forService');
    await service.consume('someone', 'api');
    await app.get(RateLimitPolicies).set('api', '20/m');
    for (let time = 0; time < 3; time += 1) await service.consume('someone', 'api');
    expect(resolve.mock.calls).toHaveLength(2);
  });

  it('are remembered for a thousand texts, and then anew', async () => {
    const resolve = jest.spyOn(app.get(PolicyCatalog), 'forService');
    for (let rate = 1; rate <= 1_000; rate += 1) await service.consume('someone', `${rate}/h`);
    await service.consume('someone', '1/h');
    expect(resolve).toHaveBeenCalledTimes(1_000);
    await service.consume('someone', '1001/h');
    await service.consume('someone', '1001/h');
    expect(resolve).toHaveBeenCalledTimes(1_001);
    await service.consume('someone', '1/h');
    expect(resolve).toHaveBeenCalledTimes(1_002);
  });

  it('are not mixed up with others of a similar text', async () => {
    expect(quotas(await service.consume('someone', ['a', 'bc']))).toEqual([
      ['a', 2, 1],
      ['bc', 3, 2],
    ]);
    expect(quotas(await service.consume('someone', ['ab', 'c']))).toEqual([
      ['ab', 4, 3],
      ['c', 5, 4],
    ]);
  });

  it('may be objects, each for itself', async () => {
    const one = { limit: 7, window: '1m', name: 'one' } as const;
    const other = { limit: 8, window: '1m', name: 'other' } as const;
    expect(quotas(await service.consume('someone', one))).toEqual([['one', 7, 6]]);
    expect(quotas(await service.consume('someone', other))).toEqual([['other', 8, 7]]);
    expect(quotas(await service.consume('someone', [one]))).toEqual([['one', 7, 5]]);
    expect(quotas(await service.consume('someone', [other, 'a']))).toEqual([
      ['other', 8, 6],
      ['a', 2, 1],
    ]);
    expect(quotas(await service.consume('someone', [one, 'a']))).toEqual([
      ['one', 7, 4],
      ['a', 2, 0],
    ]);
  });

  it('may be those of a route, in the counters of the route', async () => {
    const all = routeLimits(CatsController, 'all');
    expect(quotas(await service.consume('someone', all))).toEqual([
      ['cats', 5, 4],
      ['7/m', 7, 6],
    ]);
    expect(quotas(await service.consume('someone', [all, '7/m']))).toEqual([
      ['cats', 5, 3],
      ['7/m', 7, 5],
      ['7/m', 7, 6],
    ]);
  });

  it('may limit nothing, and then nobody is asked', async () => {
    expect(await service.consume('someone', 'free')).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
    expect(requests).toEqual([]);
  });

  it('tell the backend whether the outcome of the call decides', async () => {
    await service.consume('someone', 'failures');
    await service.consume('someone', 'api');
    expect(requests.map(({ isProvisional }) => isProvisional)).toEqual([true, undefined]);
  });

  it('carry over what was used before a change', async () => {
    await service.consume('someone', 'api', { cost: 5 });
    await app.get(RateLimitPolicies).set('api', '100/m', { carryOver: 'proportional' });
    expect(quotas(await service.consume('someone', 'api'))).toEqual([['api', 100, 49]]);
  });
});

describe('an error', () => {
  const failing: readonly (readonly [string, () => Promise<unknown>, string])[] = [
    ['no policy', () => service.consume('someone', []), 'policies: received an array of 0. Give at least one policy.'],
    [
      'two policies of one name',
      () =>
        service.consume('someone', [
          { name: 'x', rate: '1/m' },
          { name: 'x', rate: '2/m' },
        ]),
      "policies: received 'x'. Two different policies have this name in one place, and would share a counter: give each a name of its own.",
    ],
    [
      'a failure mode',
      () => service.consume('someone', 'a', { failureMode: 'ajar' } as unknown as ConsumeOptions),
      "failureMode: received 'ajar'. Give one of 'closed', 'open', 'local'.",
    ],
    [
      'an option',
      () => service.consume('someone', 'a', { kost: 1 } as ConsumeOptions),
      'options.kost: received 1. There is no such option. The options are cost, failureMode, timeout, signal.',
    ],
  ];
  it.each(failing)('of %s says where it is and what to do', async (_what, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });

  it('of a name that a decorator has written says how to mean that one', async () => {
    await expect(service.consume('someone', 'cats')).rejects.toThrow(
      / If you mean that of @RateLimit\(\), give routeLimits\(CatsController, 'all'\)\.$/,
    );
    await expect(service.consume('someone', 'dogs')).rejects.toThrow(/^policies.*'dogs'(?!.*If you mean)/);
  });
});

describe('a warning', () => {
  it('tells once of a counter that is probably that of a route', async () => {
    const cats = { name: 'cats', rate: '5/m' } as const;
    await service.peek('someone', ['9/m', cats]);
    await service.reset('someone', cats);
    expect(logged).toEqual([
      [
        "The policy 'cats' that BackendService was given has a counter of its own. If you mean that of @RateLimit(), give routeLimits(CatsController, 'all').",
        'RateLimit',
      ],
    ]);
  });

  it('is not for counters that are charged, by names or by a handle', async () => {
    await service.consume('someone', '7/m');
    await service.limiter({ name: 'cats', rate: '5/m' }).consume('someone');
    await service.reset('someone', ['7/m', { name: 'cats', rate: '5/m' }]);
    expect(logged).toEqual([]);
  });
});
