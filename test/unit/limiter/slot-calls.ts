import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { Controller, type INestApplicationContext } from '@nestjs/common';
import { BackendService, RateLimit, RateLimitExceededException, RateLimitGuard } from 'nestjs-floodgate';
import { Subject } from 'rxjs';
import { OutcomeInterceptor } from '../../../lib/guard/outcome.interceptor.js';
import { Admission } from '../../../lib/limiter/admission.js';
import { ServiceRequests } from '../../../lib/limiter/service-requests.js';
import { callOf, fakeResponse } from '../guard/calls.js';

/** Which policies each route holds slots of. */
export const ROUTES = { one: ['one'], many: ['many'], fifo: ['fifo'], lifo: ['lifo'], both: ['one', 'many'] } as const;

export type RouteName = keyof typeof ROUTES;

@Controller()
class JobsController {
  @RateLimit('one')
  one(): void {
    // Called by nobody: the calls are made by hand.
  }

  @RateLimit('many')
  many(): void {
    // The same.
  }

  @RateLimit('fifo')
  fifo(): void {
    // The same.
  }

  @RateLimit('lifo')
  lifo(): void {
    // The same.
  }

  @RateLimit('one', 'many')
  both(): void {
    // The same.
  }
}

export const controllers = [JobsController];

/** A call that holds its slots. */
export interface HeldCall {
  /** The ways in which it can end. */
  readonly ends: Readonly<Record<string, () => unknown>>;
}

/** A call that asks for slots. */
export interface AskingCall {
  /** `undefined`: it was refused, or hung up before. */
  readonly held: Promise<HeldCall | undefined>;
  hangUp(): void;
}

/** Makes calls of one kind. */
export type Caller = (route: RouteName) => AskingCall;

const unlessRefused = async (asking: Promise<HeldCall>, signal: AbortSignal): Promise<HeldCall | undefined> => {
  try {
    return await asking;
  } catch (error) {
    if (error instanceof RateLimitExceededException || signal.aborted) return undefined;
    throw error;
  }
};

/** Calls of all kinds, as an application makes them. */
export function callersOf(app: INestApplicationContext): Readonly<Record<string, Caller>> {
  const service = app.get(BackendService);
  const guard = app.get(RateLimitGuard);
  const interceptor = app.get(OutcomeInterceptor);

  const asking = (start: (signal: AbortSignal) => Promise<HeldCall>, onHangUp?: () => void): AskingCall => {
    const client = new AbortController();
    return {
      held: unlessRefused(start(client.signal), client.signal),
      hangUp: () => {
        client.abort(new Error('gone'));
        onHangUp?.();
      },
    };
  };

  const lease: Caller = (route) =>
    asking(async (signal) => {
      const held = await service.acquire('global', ROUTES[route], { signal });
      return {
        ends: {
          release: () => held.release(),
          settle: () => held.settle(),
          'release twice': () => Promise.all([held.release(), held.release()]),
          'settle and release': () => [held.settle(), held.release()],
          dispose: () => held[Symbol.asyncDispose](),
        },
      };
    });

  const work: Caller = (route) =>
    asking(async (signal) => {
      const call = new Subject<'answer'>();
      const ended = (): Promise<unknown> => done.catch(() => undefined);
      let done: Promise<unknown> = Promise.resolve();
      await new Promise<void>((begun, refused) => {
        done = service.withLease(
          'global',
          ROUTES[route],
          () =>
            new Promise<void>((resolve, reject) => {
              begun();
              call.subscribe({ complete: resolve, error: reject });
            }),
          { signal },
        );
        done.catch(refused);
      });
      return {
        ends: {
          'work is done': () => (call.complete(), ended()),
          'work throws': () => (call.error(new Error('broken')), ended()),
        },
      };
    });

  const http: Caller = (route) => {
    const response = Object.assign(new EventEmitter(), fakeResponse(), { headersSent: false, destroyed: false });
    const close = (): void => {
      response.destroyed = true;
      response.emit('close');
    };
    return asking(async (signal) => {
      const request = { ip: '192.0.2.1' };
      await guard.canActivate(callOf('http', [request, response], { type: JobsController, method: route }));
      // Its handler runs all the same; the slots must be free already.
      signal.throwIfAborted();
      const finish = (): unknown => response.emit('finish');
      return { ends: { answer: () => [finish(), close()], finish, 'hang up': close } };
    }, close);
  };

  const message: Caller = (route) =>
    asking(async () => {
      const context = callOf('rpc', [{}, { id: {} }], { type: JobsController, method: route });
      await guard.canActivate(context);
      const answers = new Subject<unknown>();
      const answered: unknown[] = [];
      const heard = interceptor
        .intercept(context, { handle: () => answers })
        .subscribe({ next: (answer) => answered.push(answer), error: () => undefined });
      const answer = (value: unknown): unknown => {
        answers.next(value);
        answers.complete();
        return answered.at(-1);
      };
      const generator = async function* (fails = false): AsyncGenerator<number> {
        yield 1;
        if (fails) throw new Error('broken');
        yield 2;
      };
      const iterate = async (fails: boolean, stopAt: number): Promise<void> => {
        for await (const value of answer(generator(fails)) as AsyncIterable<number>) if (value === stopAt) break;
      };
      const ofMany = { [Symbol.asyncIterator]: () => generator() };
      return {
        ends: {
          answer: () => answer('done'),
          throw: () => answers.error(new Error('broken')),
          timeout: () => heard.unsubscribe(),
          'several answers': () => [answers.next(1), answer(2)],
          'last value': () => iterate(false, 0),
          'broken iteration': () => iterate(true, 0).catch(() => undefined),
          'reader leaves': () => iterate(false, 1),
          'reader throws': () =>
            (answer(generator()) as AsyncGenerator).throw(new Error('enough')).catch(() => undefined),
          'end of an iterable': async () => {
            for await (const _ of answer(ofMany) as AsyncIterable<number>);
          },
          'stream is destroyed': () => (answer(new PassThrough()) as PassThrough).destroy(),
        },
      };
    });

  return { lease, work, http, message };
}

/** Calls of a process that can be killed. */
export const killable =
  (app: INestApplicationContext): Caller =>
  (route) => {
    const client = new AbortController();
    const request = app.get(ServiceRequests).of([{ key: 'global', policies: ROUTES[route] }], {}, 'charges');
    const start = async (): Promise<HeldCall> => {
      const { slots } = await app.get(Admission).admit(request, client.signal);
      if (slots === undefined) throw client.signal.reason ?? Object.assign(new Error('refused'), { refused: true });
      return { ends: { kill: () => slots.lapse() } };
    };
    const held = start().catch((error: unknown) => {
      if (client.signal.aborted || (error as { refused?: true }).refused === true) return undefined;
      throw error;
    });
    return { held, hangUp: () => client.abort(new Error('gone')) };
  };
