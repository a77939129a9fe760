import { jest } from '@jest/globals';
import { type ExecutionContext, HttpException } from '@nestjs/common';
import { type CallOutcome, RateLimitExceededException, type RateLimitTransport } from 'nestjs-floodgate';
import { fakeClock, type FakeClock } from 'nestjs-floodgate/testing';
import { Subject } from 'rxjs';
import { OutcomeInterceptor } from '../../../lib/guard/outcome.interceptor.js';
import type { LimitedApp } from './limited-app.js';
import { start, transport } from './own-transport.js';

const SLOT = { name: 'slot', limit: 1, algorithm: 'concurrency', leaseTime: '1m', key: 'global' } as const;

/** What a transport says of the end of a call: whether it will report it, and the status. */
interface Ends {
  readonly isTold?: boolean;
  readonly status?: () => number;
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
  } catch (error) {
    if (!(error instanceof RateLimitExceededException)) throw error;
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

describe('a slot of a call whose handler has not begun', () => {
  let clock: FakeClock;
  beforeEach(() => {
    clock = fakeClock();
  });
  afterEach(() => clock.restore());

  it.each<[string, Ends, boolean]>([
    ['is renewed if its transport will report its end', { isTold: true, status: () => 200 }, true],
    ['is renewed if its transport will report its end without a status', { isTold: true }, true],
    ['is left to its lease if its transport will not report its end', { isTold: false }, false],
    ['is left to its lease if its transport reports no ends', {}, false],
  ])('%s', async (_what, { isTold, ...parts }, isRenewed) => {
    const { own, reporting } = transport(parts);
    const { app, next } = await start(isTold === undefined ? own : { ...own, whenOver: reporting(isTold) }, [SLOT]);
    const renew = jest.spyOn(app.backend, 'renew');
    await app.guard.canActivate(next());
    await clock.advance('50s');
    expect(renew.mock.calls.length > 0).toBe(isRenewed);
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
