import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  type RateLimitEvent,
  RateLimitEvents,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { Decider } from '../../../lib/limiter/decider.js';

/** An application without routes. */
export interface LimiterApp extends AsyncDisposable {
  readonly app: INestApplicationContext;
  readonly service: BackendService;
  readonly decider: Decider;
  /** Starts to listen to events of a kind. Returns what was heard so far, oldest first. */
  hear<K extends RateLimitEvent['kind']>(kind: K): readonly (RateLimitEvent & { readonly kind: K })[];
}

/** Starts one, which logs nothing. */
export async function limiterApp(options: RateLimitModuleOptions): Promise<LimiterApp> {
  const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot(options)] }).compile();
  app.useLogger(false);
  await app.init();
  return {
    app,
    service: app.get(BackendService),
    decider: app.get(Decider),
    hear: <K extends RateLimitEvent['kind']>(kind: K) => {
      const heard: (RateLimitEvent & { readonly kind: K })[] = [];
      app.get(RateLimitEvents).on((event) => {
        if (event.kind === kind) heard.push(event as RateLimitEvent & { readonly kind: K });
      });
      return heard;
    },
    [Symbol.asyncDispose]: () => app.close(),
  };
}
