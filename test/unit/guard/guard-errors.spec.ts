import { Controller } from '@nestjs/common';
import {
  BackendUnavailableError,
  RateLimitExceededException,
  RateLimitGuard,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { Unobserved } from '../../../lib/observe/unobserved.decorator.js';
import { callOf, type Target } from './calls.js';
import { limitedApp } from './limited-app.js';
import { start, transport } from './own-transport.js';

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

  it('is an outage as it is by a transport that says nothing of it', async () => {
    const { own } = transport();
    const { app, target } = await start(own, ['1/m']);
    app.backend.consume = () => {
      throw new BackendUnavailableError({ backend: 'memory' });
    };
    const call = callOf('somewhere else', [{}], target);
    await expect((async () => app.guard.canActivate(call))()).rejects.toThrow(BackendUnavailableError);
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

  it('is not shown to the caller', async () => {
    const { own, told } = transport();
    const { app, next } = await start(own, ['unlimited', { rate: '9/m', skipIf: () => true }]);
    expect(app.guard.canActivate(next())).toBe(true);
    expect(told).toEqual([]);
  });

  it('is not heard of on a page that shows the events', async () => {
    expect(await heardOf(Pages, {})).toEqual([]);
  });
});
