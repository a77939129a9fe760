import {
  type CanActivate,
  Catch,
  type DynamicModule,
  type ExceptionFilter,
  Inject,
  Module,
  type ModuleMetadata,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { BackendService } from './backends/backend.service.js';
import { Decider } from './backends/decider.js';
import { CircuitBreakerRegistry } from './breaker/breaker.registry.js';
import { RateLimitConfigurationError } from './contracts/errors.js';
import { BackendUnavailableFilter } from './http/backend-unavailable.filter.js';
import { Injection } from './http/injection.js';
import { KeyReaders } from './http/keys/key-reader.js';
import { RateLimitGuard } from './http/rate-limit.guard.js';
import { RequestQuestions } from './http/request-questions.js';
import { RouteCatalog } from './http/route-catalog.js';
import { OutageLog } from './observe/outage-log.js';
import { RateLimitEvents } from './observe/rate-limit-events.js';
import { PolicyCatalog } from './policies/policy-catalog.js';
import {
  RATE_LIMIT_OPTIONS,
  RATE_LIMIT_SETTINGS,
  type RateLimitModuleOptions,
  type RateLimitSettings,
  settingsOf,
} from './rate-limit.options.js';

/** Makes the options of the module; for `useClass` and `useExisting`. */
export interface RateLimitOptionsFactory {
  createRateLimitOptions(): RateLimitModuleOptions | Promise<RateLimitModuleOptions>;
}

/** How to make the options of the module when they depend on other providers: one of the three `use…`. */
export interface RateLimitModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: readonly (string | symbol | Type)[];
  // The arguments are what `inject` lists, whose types a signature cannot follow.
  readonly useFactory?: (...args: never[]) => RateLimitModuleOptions | Promise<RateLimitModuleOptions>;
  readonly useClass?: Type<RateLimitOptionsFactory>;
  readonly useExisting?: Type<RateLimitOptionsFactory>;
  /** Needed here, before the options are made. Default true. */
  readonly isGlobal?: boolean;
}

/**
 * Rate limiting for an application: a guard, a filter, `BackendService`, the breakers' registry and the event stream.
 *
 * @example
 * \@Module({ imports: [RateLimitModule.forRoot({ policies: { api: '100/m' }, apply: ['api'] })] })
 * export class AppModule {}
 */
@Module({})
export class RateLimitModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(RouteCatalog) private readonly routes: RouteCatalog,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(RateLimitEvents) events: RateLimitEvents,
    @Inject(CircuitBreakerRegistry) registry: CircuitBreakerRegistry,
  ) {
    registry.onTransition((transition) => events.emit({ kind: 'breaker-transition', ...transition }));
  }

  /**
   * @param options all have defaults
   * @throws RateLimitConfigurationError at start-up, for an option that is wrong
   */
  static forRoot(options: RateLimitModuleOptions = {}): DynamicModule {
    return moduleWith([{ provide: RATE_LIMIT_OPTIONS, useValue: options }], options.isGlobal);
  }

  /** Like `forRoot`, with options that are made when the application starts. */
  static forRootAsync(options: RateLimitModuleAsyncOptions): DynamicModule {
    return { ...moduleWith(asyncOptions(options), options.isGlobal), imports: options.imports ?? [] };
  }

  /** @throws RateLimitConfigurationError for a decorator that is wrong */
  onModuleInit(): void {
    this.routes.prepare();
  }

  /** By now no request is served any more: backends that are closed earlier would fail those that drain. */
  async onApplicationShutdown(): Promise<void> {
    await this.decider.close();
  }
}

function moduleWith(options: Provider[], isGlobal = true): DynamicModule {
  return {
    module: RateLimitModule,
    global: isGlobal,
    providers: [...options, ...PROVIDERS],
    exports: [BackendService, CircuitBreakerRegistry, RateLimitEvents, RateLimitGuard, BackendUnavailableFilter, ...GUARD_PARTS],
  };
}

/** What the guard is made of, for modules that bind it themselves. */
const GUARD_PARTS = [RATE_LIMIT_SETTINGS, RequestQuestions, Decider];

const PROVIDERS: Provider[] = [
  { provide: RATE_LIMIT_SETTINGS, useFactory: settingsOf, inject: [RATE_LIMIT_OPTIONS] },
  {
    provide: PolicyCatalog,
    useFactory: ({ policies, backend }: RateLimitSettings) => new PolicyCatalog(policies, backend.capabilities),
    inject: [RATE_LIMIT_SETTINGS],
  },
  RateLimitEvents,
  CircuitBreakerRegistry,
  OutageLog,
  Decider,
  BackendService,
  Injection,
  KeyReaders,
  RouteCatalog,
  RequestQuestions,
  RateLimitGuard,
  BackendUnavailableFilter,
  {
    // The provider itself is handed on, so that a test's overrideProvider reaches what is bound.
    provide: APP_GUARD,
    useFactory: ({ bindGuard }: RateLimitSettings, guard: RateLimitGuard): CanActivate => (bindGuard ? guard : NO_GUARD),
    inject: [RATE_LIMIT_SETTINGS, RateLimitGuard],
  },
  {
    provide: APP_FILTER,
    useFactory: ({ bindFilter }: RateLimitSettings, filter: BackendUnavailableFilter): ExceptionFilter =>
      bindFilter ? filter : new NoFilter(),
    inject: [RATE_LIMIT_SETTINGS, BackendUnavailableFilter],
  },
];

const NO_GUARD: CanActivate = { canActivate: () => true };

/** Catches what nobody throws. */
@Catch(class Nothing {})
class NoFilter implements ExceptionFilter {
  catch(): void {
    // Never called.
  }
}

function asyncOptions({ inject = [], useFactory, useClass, useExisting }: RateLimitModuleAsyncOptions): Provider[] {
  if (useFactory !== undefined) return [{ provide: RATE_LIMIT_OPTIONS, useFactory, inject: [...inject] }];
  const factory = useExisting ?? useClass;
  if (factory === undefined) {
    throw new RateLimitConfigurationError(
      'forRootAsync',
      undefined,
      'Give one of useFactory, useClass and useExisting.',
    );
  }
  return [
    ...(useClass === undefined ? [] : [useClass]),
    {
      provide: RATE_LIMIT_OPTIONS,
      useFactory: (one: RateLimitOptionsFactory) => one.createRateLimitOptions(),
      inject: [factory],
    },
  ];
}
