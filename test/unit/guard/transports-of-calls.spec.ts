import { Controller, type ExecutionContext, HttpException } from '@nestjs/common';
import {
  BackendUnavailableError,
  type CallOutcome,
  type PolicyInput,
  RateLimit,
  RateLimitExceededException,
  RateLimitGuard,
  type RateLimitModuleOptions,
  type RateLimitTransport,
} from 'nestjs-floodgate';
import { Subject } from 'rxjs';
import { OutcomeInterceptor } from '../../../lib/guard/outcome.interceptor.js';
import { Unobserved } from '../../../lib/observe/unobserved.decorator.js';
import { callOf, type Target } from './calls.js';
import { type LimitedApp, limitedApp } from './limited-app.js';

const SLOT = { name: 'slot', limit: 1, algorithm: 'concurrency', leaseTime: '1m', key: 'global' } as const;

/** What a transport says of the end of a call: whether it will report it, and the status. */
interface Ends {
  readonly isTold?: boolean;
  readonly status?: () => number;
}

/** A transport of the application, and what the guard told it, in order. */
function transport(parts: Partial<RateLimitTransport> = {}) {
  const told: string[] = [];
  const over: (() => void)[] = [];
  const own: RateLimitTransport = {
    name: 'telegram',
    owns: (call) => call.getType<string>() === 'telegram',
    show: (_call, { kind }) => void told.push(`show ${kind}`),
    announce: () => void told.push('announce'),
    ...parts,
  };
  const reporting =
    (isTold: boolean) =>
    (_call: unknown, end: () => void): boolean => {
      over.push(end);
      return isTold;
    };
  return { told, over, own, reporting };
}

/** An application with one route, whose calls come by a transport of its own. */
async function start(own: RateLimitTransport, policies: PolicyInput[], options: RateLimitModuleOptions = {}) {
  @Controller()
  class Chat {
    @RateLimit(...policies)
    handle(): void {
      // Called by nobody.
    }
  }
  const target: Target = { type: Chat, method: 'handle' };
  const app = await limitedApp({ controllers: [Chat] }, { ...options, transports: [own] });
  const next = (): ExecutionContext => callOf('telegram', [{}], target);
  return { app, next };
}

/** Runs the handler of a call that the guard let through. */
function handled(app: LimitedApp, context: ExecutionContext): Subject<unknown> {
  const answers = new Subject<unknown>();
  app
    .get(OutcomeInterceptor)
    .intercept(context, { handle: () => answers })
    .subscribe({ error: () => undefined });
  return answers;
}

const isFree = async ({ guard }: LimitedApp, context: ExecutionContext): Promise<boolean> => {
  try {
    return await guard.canActivate(context);
  } catch {
    return false;
  }
};

describe('a slot of a call by a transport', () => {
  it('is free at the end that the transport reports, with a status: the end of the handler is none', async () => {
    const { own, over, reporting } = transport({ status: () => 200 });
    const { app, next } = await start({ ...own, whenOver: reporting(true) }, [SLOT]);
    const context = next();
    expect(await app.guard.canActivate(context)).toBe(true);
    handled(app, context).complete();
    expect(await isFree(app, next())).toBe(false);
    over[0]?.();
    expect(await isFree(app, next())).toBe(true);
  });

  it.each<[string, Ends]>([
    ['reports an end without a status', { isTold: true }],
    ['may report an end, but not of this call', { isTold: false, status: () => 200 }],
    ['reports no end', {}],
  ])('is free at the end of the handler, by a transport that %s', async (_what, { isTold, ...parts }) => {
    const { own, reporting } = transport(parts);
    const whenOver = isTold === undefined ? {} : { whenOver: reporting(isTold) };
    const { app, next } = await start({ ...own, ...whenOver }, [SLOT]);
    const context = next();
    expect(await app.guard.canActivate(context)).toBe(true);
    expect(await isFree(app, next())).toBe(false);
    handled(app, context).complete();
    expect(await isFree(app, next())).toBe(true);
  });

  it('is given up by a client that leaves the queue, as a request that was closed', async () => {
    const { own, over, reporting } = transport();
    const queue = { size: 5, maxWait: '20s' };
    const { app, next } = await start({ ...own, whenOver: reporting(true) }, [{ ...SLOT, queue }]);
    expect(await app.guard.canActivate(next())).toBe(true);
    const waiting = Promise.resolve(app.guard.canActivate(next()));
    over[1]?.();
    await expect(waiting).rejects.toEqual(new HttpException('Client Closed Request', 499));
  });
});

describe('a call that is charged by its outcome', () => {
  const seen: CallOutcome[] = [];
  const JUDGED = {
    rate: '9/m',
    key: 'global',
    chargeOn: (outcome: CallOutcome) => {
      seen.push(outcome);
      return true;
    },
  } as const;
  beforeEach(() => {
    seen.length = 0;
  });

  const run = async (own: RateLimitTransport): Promise<void> => {
    const { app, next } = await start(own, [JUDGED]);
    const context = next();
    expect(app.guard.canActivate(context)).toBe(true);
    const answers = handled(app, context);
    answers.next('ok');
    answers.complete();
  };

  it('waits for the status of a transport that reports its end', async () => {
    const { own, over, reporting } = transport({ status: () => 503 });
    await run({ ...own, whenOver: reporting(true) });
    expect(seen).toEqual([]);
    over[0]?.();
    expect(seen).toEqual([{ result: 'ok', status: 503 }]);
  });

  it.each<[string, Ends]>([
    ['reports an end without a status', { isTold: true }],
    ['may report an end, but not of this call', { isTold: false, status: () => 200 }],
    ['has a status, and reports no end', { status: () => 200 }],
    ['reports nothing', {}],
  ])('is judged at the end of the handler, by a transport that %s', async (_what, { isTold, ...parts }) => {
    const { own, reporting } = transport(parts);
    await run(isTold === undefined ? own : { ...own, whenOver: reporting(isTold) });
    expect(seen).toEqual([{ result: 'ok' }]);
  });

  it('is judged by what the handler throws', async () => {
    const { own } = transport();
    const { app, next } = await start(own, [JUDGED]);
    const context = next();
    await app.guard.canActivate(context);
    handled(app, context).error('broken');
    expect(seen).toEqual([{ error: 'broken' }]);
  });
});

describe('the error of a call', () => {
  it('is what its transport makes of it, and an outage is announced', async () => {
    const { own, told } = transport({ thrown: ({ message }) => new Error(`thrown: ${message}`) });
    const { app, next } = await start(own, [{ rate: '1/m', key: 'global' }]);
    expect(app.guard.canActivate(next())).toBe(true);
    expect(() => app.guard.canActivate(next())).toThrow('thrown: Too Many Requests');
    expect(told).toEqual(['show allowed', 'show limited']);
    app.backend.consume = () => {
      throw new BackendUnavailableError({ backend: 'memory' });
    };
    await expect((async () => app.guard.canActivate(next()))()).rejects.toThrow("thrown: Rate-limit backend 'memory'");
    expect(told).toEqual(['show allowed', 'show limited', 'announce']);
  });

  it('is the error itself by a transport that makes nothing of it', async () => {
    const { own } = transport();
    const { app, next } = await start(own, [{ rate: '1/m', key: 'global' }]);
    await app.guard.canActivate(next());
    expect(() => app.guard.canActivate(next())).toThrow(RateLimitExceededException);
  });

  it.each<[string, (thrown: unknown) => never]>([
    [
      'at once',
      (thrown) => {
        throw thrown;
      },
    ],
    ['later', (thrown) => Promise.reject(thrown) as never],
  ])('is left as it is if an application throws something else, %s', async (_when, fail) => {
    const { own } = transport({ thrown: () => new Error('thrown') });
    const { app, next } = await start(own, [{ rate: '1/m', key: () => fail('a text') }]);
    await expect((async () => app.guard.canActivate(next()))()).rejects.toBe('a text');
  });

  it('is one of the start where the guard is used without the module', () => {
    const [none] = [] as undefined[];
    const alone = () => new RateLimitGuard(none!, none!, none!, none!, none!, none!, none!);
    expect(alone).toThrow('RateLimitGuard: received undefined. It works with RateLimitModule');
  });
});

describe('a call that is not counted', () => {
  @Controller()
  class Plain {
    handle(): void {
      // Called by nobody.
    }
  }

  @Unobserved()
  @Controller()
  class Pages extends Plain {}

  const heardOf = async (type: Target['type'], options: RateLimitModuleOptions): Promise<unknown[]> => {
    const app = await limitedApp({ controllers: [type] }, options);
    const heard: unknown[] = [];
    app.events.on((event) => heard.push(event));
    await app.call({ type, method: 'handle' });
    return heard.map((event) => ({ ...(event as object) }));
  };

  it.each<['skipped' | 'disabled', RateLimitModuleOptions]>([
    ['skipped', {}],
    ['disabled', { enabled: false }],
  ])('is heard of as %s, and took no time', async (reason, options) => {
    expect(await heardOf(Plain, options)).toMatchObject([
      {
        kind: 'decision',
        decision: { kind: 'unenforced', reason },
        route: 'Plain.handle',
        transport: 'http',
        durationMs: 0,
      },
    ]);
  });

  it('is not heard of on a page that shows the events', async () => {
    expect(await heardOf(Pages, {})).toEqual([]);
  });
});
