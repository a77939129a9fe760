import type { Abstract, ExecutionContext, ModuleMetadata, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  type Decision,
  RateLimitEvents,
  RateLimitExceededException,
  RateLimitGuard,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { decisionFor } from '../../../lib/guard/request-decision.js';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { httpCall, type Target } from './calls.js';
import { recordingBackend, type RecordingBackend } from './recording-backend.js';

/** What became of a call. */
export interface Outcome {
  readonly passed: boolean;
  readonly decision: Decision;
  /** The message of the 429. */
  readonly message: string | undefined;
  readonly context: ExecutionContext;
}

/** An application whose guard is called by hand. */
export interface LimitedApp {
  readonly guard: RateLimitGuard;
  readonly events: RateLimitEvents;
  readonly service: BackendService;
  readonly backend: RecordingBackend;
  readonly clock: ManualClock;
  /** The instance of a provider. */
  get<T>(type: Type<T> | Abstract<T>): T;
  call(target: Target, request?: object): Promise<Outcome>;
  /** Whether each of several equal calls passes. */
  calls(count: number, target: Target, request?: object): Promise<readonly boolean[]>;
  /** The keys and counters that one call charges, in their order. */
  charges(target: Target, request?: object): Promise<readonly string[]>;
}

/**
 * Makes one, on a memory backend with a manual clock.
 *
 * @throws what stops the application from starting
 */
export async function limitedApp(
  { imports = [], ...metadata }: ModuleMetadata,
  options: RateLimitModuleOptions = {},
): Promise<LimitedApp> {
  const clock = manualClock();
  const backend = recordingBackend({ clock });
  const app = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot({ backend, ...options }), ...imports],
    ...metadata,
  }).compile();
  await app.init();
  const guard = app.get(RateLimitGuard);

  const call: LimitedApp['call'] = async (target, request) => {
    const context = httpCall(request, target);
    try {
      const passed = await guard.canActivate(context);
      return { passed, decision: decisionFor(context), message: undefined, context };
    } catch (error) {
      if (!(error instanceof RateLimitExceededException)) throw error;
      return { passed: false, decision: error.decision, message: error.message, context };
    }
  };

  return {
    guard,
    events: app.get(RateLimitEvents),
    service: app.get(BackendService),
    backend,
    clock,
    get: (type) => app.get(type),
    call,
    calls: async (count, target, request) => {
      const passed: boolean[] = [];
      for (let time = 0; time < count; time += 1) passed.push((await call(target, request)).passed);
      return passed;
    },
    charges: async (target, request) => {
      const before = backend.calls.length;
      await call(target, request);
      return backend.calls.slice(before).flatMap((all) => all.map(({ key, policy }) => `${key} ${policy.id}`));
    },
  };
}

/** The names of the policies that decided. */
export const names = ({ decision }: Outcome): readonly string[] => decision.policies.map(({ name }) => name);
