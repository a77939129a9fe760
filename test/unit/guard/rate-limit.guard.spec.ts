import { jest } from '@jest/globals';
import { Controller, type ExecutionContext, Injectable, Scope } from '@nestjs/common';
import {
  BackendUnavailableError,
  type PolicyInput,
  type PolicyOptions,
  type PolicyResolver,
  RateLimit,
  type RateLimitEvent,
  type RateLimitModuleOptions,
  SkipRateLimit,
} from 'nestjs-floodgate';
import { decisionFor } from '../../../lib/guard/request-decision.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import { type FakeResponse, httpCall, type Target } from './calls.js';
import { type LimitedApp, limitedApp, names } from './limited-app.js';

/** A route under policies. */
function limitedBy(...policies: PolicyInput[]): Target {
  @Controller()
  class Limited {
    @RateLimit(...policies)
    handle(): void {
      // Called by nobody.
    }
  }
  return { type: Limited, method: 'handle' };
}

const appOf = ({ type }: Target, options?: RateLimitModuleOptions, providers: Target['type'][] = []) =>
  limitedApp({ controllers: [type], providers }, options);

/** An application with one route under policies. */
async function routeUnder(policies: PolicyInput[], options?: RateLimitModuleOptions): Promise<[LimitedApp, Target]> {
  const target = limitedBy(...policies);
  return [await appOf(target, options), target];
}

const unavailable = (): never => {
  throw new BackendUnavailableError({ backend: 'memory' });
};

const plan = (context: ExecutionContext): string => context.switchToHttp().getRequest<{ plan: string }>().plan;

describe('the guard', () => {
  it('decides within the call where the backend and the key answer at once', async () => {
    const [app, target] = await routeUnder([
      { rate: '1/m', skipIf: () => false, cost: () => 1, key: () => 'k' },
      () => '9/m',
    ]);
    expect(app.guard.canActivate(httpCall({}, target))).toBe(true);
    expect(() => app.guard.canActivate(httpCall({}, target))).toThrow('Too Many Requests');
  });

  it('counts a call once that meets it twice', async () => {
    const asked = jest.fn<(context: ExecutionContext) => string>(() => '9/m');
    const [app, target] = await routeUnder([asked]);
    const context = httpCall({}, target);
    expect(app.guard.canActivate(context)).toBe(true);
    expect(app.guard.canActivate(context)).toBe(true);
    expect(app.backend.calls).toHaveLength(1);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('lets everything pass, unasked, when it is disabled', async () => {
    const skipIf = jest.fn(() => false);
    const [app, target] = await routeUnder(['1/m'], { enabled: false, skipIf });
    const { decision } = await app.call(target);
    expect(decision).toMatchObject({ kind: 'unenforced', reason: 'disabled' });
    expect(skipIf).not.toHaveBeenCalled();
    expect(app.backend.calls).toHaveLength(0);
  });

  it('charges several policies under their own keys, all or none, in one call', async () => {
    const [app, target] = await routeUnder([
      { rate: '3/m', name: 'each', key: 'ip' },
      { rate: '4/m', name: 'all', key: 'global' },
    ]);
    expect(await app.calls(4, target, { ip: '192.0.2.1' })).toEqual([true, true, true, false]);
    const { decision } = await app.call(target, { ip: '192.0.2.2' });
    expect(decision.policies.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['each', 2],
      ['all', 0],
    ]);
    expect(app.backend.calls[0]!.map(({ key }) => key)).toEqual(['ip:192.0.2.1', 'global']);
    expect(app.backend.calls).toHaveLength(5);
  });

  it('charges a policy once that reaches a call on two ways', async () => {
    @RateLimit('api', 'api')
    @Controller()
    class Twice {
      @RateLimit('api', () => 'api')
      handle(): void {
        // Called by nobody.
      }
    }
    const target = { type: Twice, method: 'handle' };
    const app = await appOf(target, { policies: { api: '9/m' }, apply: ['api'] });
    expect(await app.charges(target)).toHaveLength(1);
  });

  it('charges one quota under each of two keys', async () => {
    const quota = { rate: '9/m', name: 'both' };
    const [app, target] = await routeUnder([
      { ...quota, key: 'ip' },
      { ...quota, key: 'global' },
    ]);
    await app.call(target);
    expect(app.backend.keys()).toEqual(['ip:192.0.2.1', 'global']);
  });

  it('asks a key once for all policies that share it', async () => {
    const key = jest.fn<(context: ExecutionContext) => string>(() => 'k');
    const [app, target] = await routeUnder(['9/m', { rate: '8/m', key }], { key });
    await app.call(target);
    expect(key).toHaveBeenCalledTimes(1);
  });

  it('leaves nothing unhandled when one policy throws while another is awaited and fails too', async () => {
    const later = { rate: '9/m', key: () => Promise.reject(new Error('later')) };
    const atOnce = {
      rate: '8/m',
      key: () => {
        throw new Error('at once');
      },
    };
    const [app, target] = await routeUnder([later, atOnce]);
    await expectNoUnhandled(async () => {
      await expect(app.call(target)).rejects.toThrow(/later|at once/);
    });
    expect(app.backend.calls).toHaveLength(0);
  });
});

describe('a cost', () => {
  it.each<[PolicyOptions['cost'], number]>([
    [3, 7],
    [0, 10],
    [() => 4, 6],
    [async () => 5, 5],
    [() => 0, 10],
  ])('of %p leaves %p of ten', async (cost, remaining) => {
    const [app, target] = await routeUnder([{ rate: '10/m', cost: cost! }]);
    expect((await app.call(target)).decision.policies[0]!.remaining).toBe(remaining);
  });

  it('of 0 passes under an exhausted limit', async () => {
    const [app, target] = await routeUnder([
      { rate: '1/m', cost: (context) => context.switchToHttp().getRequest<{ cost: number }>().cost },
    ]);
    expect(await app.calls(2, target, { cost: 1 })).toEqual([true, false]);
    expect(await app.calls(1, target, { cost: 0 })).toEqual([true]);
  });

  it('above the capacity is refused for good', async () => {
    const [app, target] = await routeUnder([{ rate: '10/m', cost: 11 }]);
    expect((await app.call(target)).decision).toMatchObject({ kind: 'limited', retryAfterMs: null });
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, undefined, null, '1', 2 ** 53])(
    'of %p is an error that charges nothing, whatever the failure mode',
    async (cost) => {
      const [app, target] = await routeUnder([{ rate: '10/m', name: 'search', cost: () => cost as number }], {
        failureMode: 'open',
      });
      await expect(app.call(target)).rejects.toThrow(
        new TypeError(`The cost of policy 'search' was ${String(cost)}: return a whole number of at least 0.`),
      );
      expect(app.backend.calls).toHaveLength(0);
    },
  );
});

describe('skipIf', () => {
  const internal = (context: ExecutionContext): boolean =>
    context.switchToHttp().getRequest<{ internal?: boolean }>().internal === true;

  it.each<[string, PolicyOptions['skipIf']]>([
    ['at once', internal],
    ['later', async (context) => internal(context)],
  ])('of the module leaves a call out of all limits, decided %s', async (_when, skipIf) => {
    const [app, target] = await routeUnder(['1/m', '9/m'], { skipIf: skipIf! });
    expect((await app.call(target, { internal: true })).decision).toMatchObject({
      kind: 'unenforced',
      reason: 'skipped',
    });
    expect(names(await app.call(target))).toEqual(['1/m', '9/m']);
  });

  it.each<[string, PolicyOptions['skipIf']]>([
    ['at once', internal],
    ['later', async (context) => internal(context)],
  ])('of a policy leaves a call out of that one, decided %s', async (_when, skipIf) => {
    const [app, target] = await routeUnder([{ rate: '1/m', skipIf: skipIf! }, '9/m']);
    expect(names(await app.call(target, { internal: true }))).toEqual(['9/m']);
    expect(names(await app.call(target))).toEqual(['1/m', '9/m']);
  });

  it('of every policy leaves a call unlimited', async () => {
    const [app, target] = await routeUnder([{ rate: '1/m', skipIf: () => true }]);
    expect((await app.call(target)).decision).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
  });

  it('is not asked where no limit applies', async () => {
    @Controller()
    class Plain {
      @SkipRateLimit()
      handle(): void {
        // Called by nobody.
      }
    }
    const skipIf = jest.fn(() => false);
    const target = { type: Plain, method: 'handle' };
    const app = await appOf(target, { skipIf });
    await app.call(target);
    expect(skipIf).not.toHaveBeenCalled();
  });

  it('that throws is an error of the call', async () => {
    const [app, target] = await routeUnder(['1/m'], {
      failureMode: 'open',
      skipIf: () => {
        throw new TypeError('bug');
      },
    });
    await expect(app.call(target)).rejects.toThrow(new TypeError('bug'));
  });
});

describe('a dynamic policy', () => {
  const plans: Record<string, PolicyInput | PolicyInput[]> = {
    free: '1/m',
    pro: { name: 'pro', rate: '5/m' },
    named: 'api',
    both: ['api', '2/m'],
    none: [],
  };

  @Injectable()
  class Plans {
    of(name: string): PolicyInput | PolicyInput[] {
      return plans[name]!;
    }
  }

  @Injectable()
  class PlanPolicy implements PolicyResolver {
    static asked = 0;
    constructor(private readonly plans: Plans) {}
    resolve(context: ExecutionContext): PolicyInput | PolicyInput[] {
      PlanPolicy.asked += 1;
      return this.plans.of(plan(context));
    }
  }

  @Injectable({ scope: Scope.REQUEST })
  class RequestPlanPolicy extends PlanPolicy {}

  const ways: [string, PolicyInput, Target['type'][]][] = [
    ['a function', (context: ExecutionContext) => plans[plan(context)]!, []],
    ['an async function', async (context: ExecutionContext) => plans[plan(context)]!, []],
    ['a class that is provided', PlanPolicy, [Plans, PlanPolicy]],
    ['a request-scoped class', RequestPlanPolicy, [Plans, RequestPlanPolicy]],
    ['a class that is not provided', PlanPolicy, [Plans]],
  ];

  it.each(
    ways.flatMap(([way, input, providers]) =>
      (
        [
          ['free', ['1/m']],
          ['pro', ['pro']],
          ['named', ['api']],
          ['both', ['api', '2/m']],
          ['none', []],
        ] as const
      ).map(([answer, expected]) => [way, answer, expected, input, providers] as const),
    ),
  )('by %s may answer %s', async (_way, answer, expected, input, providers) => {
    const target = limitedBy(input);
    const app = await appOf(target, { policies: { api: '9/m' } }, [...providers]);
    const outcome = await app.call(target, { plan: answer });
    expect(names(outcome)).toEqual(expected);
    expect(outcome.decision.kind).toBe(answer === 'none' ? 'unenforced' : 'allowed');
  });

  it('is asked once a request', async () => {
    const target = limitedBy(PlanPolicy);
    const app = await appOf(target, {}, [Plans, PlanPolicy]);
    PlanPolicy.asked = 0;
    await app.calls(3, target, { plan: 'free' });
    expect(PlanPolicy.asked).toBe(3);
  });

  it('stands where it is written', async () => {
    const [app, target] = await routeUnder(['7/m', () => ['8/m', 'api'], '9/m'], { policies: { api: '1/m' } });
    expect(names(await app.call(target))).toEqual(['7/m', '8/m', 'api', '9/m']);
  });

  it('is replaced by a nearer policy of the name it answers, and replaces a further one', async () => {
    @RateLimit(() => ['api', { name: 'class', rate: '6/m' }])
    @Controller()
    class Dynamic {
      @RateLimit({ name: 'class', rate: '7/m' })
      near(): void {
        // Called by nobody.
      }
      @RateLimit(() => ({ name: 'api', rate: '8/m' }))
      far(): void {
        // Called by nobody.
      }
      @SkipRateLimit('class')
      skipped(): void {
        // Called by nobody.
      }
      @SkipRateLimit()
      all(): void {
        // Called by nobody.
      }
    }
    const app = await appOf(
      { type: Dynamic, method: 'near' },
      { policies: { api: '5/m', class: '1/m' }, apply: ['api'] },
    );
    const limits: Record<string, unknown> = {};
    for (const method of ['near', 'far', 'skipped', 'all']) {
      const { decision } = await app.call({ type: Dynamic, method });
      limits[method] = decision.policies.map(({ name, limit }) => `${name} ${limit}`);
    }
    expect(limits).toEqual({
      near: ['api 5', 'class 7'],
      far: ['class 6', 'api 8'],
      skipped: ['api 5'],
      all: [],
    });
  });

  it('goes on counting for a key when its answer changes', async () => {
    const [app, target] = await routeUnder([(context) => `${plan(context)}/m`]);
    expect(await app.calls(2, target, { plan: '1' })).toEqual([true, false]);
    expect(await app.calls(3, target, { plan: '3' })).toEqual([true, true, false]);
  });

  it.each<[string, unknown, RegExp]>([
    ['another function', () => '1/m', /answered with a function/],
    ['a class', PlanPolicy, /answered with a function/],
    ['a number', 5, /@RateLimit\(\) of Limited.handle: received 5. Give a rate/],
    ['true', true, /received true. Give a rate/],
    ['an unknown name', 'logni', /There is no policy of that name/],
    ['a wrong rate', '5/minute', /^@RateLimit\(\) of Limited.handle: received '5\/minute'. Give whole units/],
    ['a wrong option', { rate: '5/m', limit: 5 }, /Give either rate/],
    [
      'two of one name',
      [
        { name: 'a', rate: '1/m' },
        { name: 'a', rate: '2/m' },
      ],
      /Two different policies/,
    ],
  ])('that answers %s is an error of the call', async (_what, answer, message) => {
    const [app, target] = await routeUnder([() => answer as string], { failureMode: 'open' });
    await expect(app.call(target)).rejects.toThrow(message);
    expect(app.backend.calls).toHaveLength(0);
  });
});

describe('a shadow policy', () => {
  const shadow: PolicyOptions = { rate: '1/m', name: 'shadow', mode: 'shadow' };

  it('decides and is heard of, and refuses nobody', async () => {
    const [app, target] = await routeUnder([shadow, '9/m']);
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    expect(await app.calls(3, target)).toEqual([true, true, true]);
    const verdicts = heard.flatMap((event) => (event.kind === 'decision' ? [event.decision.policies[0]!.allowed] : []));
    expect(verdicts).toEqual([true, false, false]);
  });

  it('is never in headers', async () => {
    const [app, target] = await routeUnder([shadow, '9/m'], { headers: 'both' });
    const { context } = await app.call(target);
    const { headers } = context.switchToHttp().getResponse<FakeResponse>();
    expect(JSON.stringify(headers)).not.toContain('shadow');
  });

  it.each<[string, PolicyInput[], 'pass' | 'fail']>([
    ['alone', [{ ...shadow, failureMode: 'closed' }], 'pass'],
    [
      'beside one that fails open',
      [
        { ...shadow, failureMode: 'closed' },
        { rate: '9/m', failureMode: 'open' },
      ],
      'pass',
    ],
    ['beside one that fails closed', [{ ...shadow, failureMode: 'open' }, '9/m'], 'fail'],
  ])('has no say in the failure mode: %s', async (_what, policies, expected) => {
    const [app, target] = await routeUnder(policies);
    app.backend.consume = unavailable;
    const outcome = await app.call(target).then(
      () => 'pass',
      () => 'fail',
    );
    expect(outcome).toBe(expected);
  });
});

describe('a refusal', () => {
  it('is an error without a stack, which would cost more than the rest of the answer', async () => {
    const [app, target] = await routeUnder(['1/m']);
    await app.guard.canActivate(httpCall({}, target));
    const error: unknown = await Promise.resolve()
      .then(() => app.guard.canActivate(httpCall({}, target)))
      .catch((thrown: unknown) => thrown);
    expect((error as Error).stack).toBe('RateLimitExceededException: Too Many Requests');
    expect(new Error('another').stack).toMatch(/\n\s+at /);
  });

  it('has the message of the policy that refuses', async () => {
    const [app, target] = await routeUnder([
      { rate: '9/m', message: 'not this' },
      { rate: '1/m', message: 'Slow down' },
      { rate: '1/m', name: 'silent' },
    ]);
    await app.call(target);
    expect((await app.call(target)).message).toBe('Slow down');
  });

  it('has the message of the one that refuses, of two that are named alike', async () => {
    @RateLimit({ rate: '5/m', message: 'class' })
    @Controller()
    class Alike {
      @RateLimit({ rate: '5/m', message: 'method', cost: 5 })
      handle(): void {
        // Called by nobody.
      }
    }
    const target = { type: Alike, method: 'handle' };
    const app = await appOf(target);
    await app.call(target);
    expect((await app.call(target)).message).toBe('method');
  });

  it('blocks for as long as the policy says, and not for longer', async () => {
    const [app, target] = await routeUnder([{ rate: '2/s', algorithm: 'fixed-window', blockFor: '10s' }]);
    expect(await app.calls(3, target)).toEqual([true, true, false]);
    app.clock.advance(9_999);
    const { decision, passed } = await app.call(target);
    expect({ passed, retryAfterMs: decision.kind === 'limited' && decision.retryAfterMs }).toEqual({
      passed: false,
      retryAfterMs: 1,
    });
    app.clock.advance(1);
    expect(await app.calls(3, target)).toEqual([true, true, false]);
  });
});

describe('the decision', () => {
  it('is there for the handler', async () => {
    const [app, target] = await routeUnder(['1/m']);
    const { context } = await app.call(target);
    expect(decisionFor(context)).toMatchObject({ kind: 'allowed', policies: [{ name: '1/m' }] });
  });

  it('is `skipped` where the guard was not asked', () => {
    expect(decisionFor(httpCall())).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
  });

  it.each([
    ['allowed', false],
    ['failed open', true],
  ])('is told without a key (%s)', async (_what, down) => {
    const [app, target] = await routeUnder([{ rate: '1/m', key: () => 'a-secret-key' }], { failureMode: 'open' });
    if (down) app.backend.consume = unavailable;
    const heard: RateLimitEvent[] = [];
    app.events.on((event) => heard.push(event));
    await app.calls(2, target);
    expect(heard.length).toBeGreaterThanOrEqual(2);
    expect(JSON.stringify(heard)).not.toContain('a-secret-key');
  });
});
