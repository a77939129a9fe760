import {
  type CanActivate,
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { APP_GUARD, ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { Admission } from './limiter/admission.js';
import { BackendService } from './limiter/backend.service.js';
import { Decider } from './limiter/decider.js';
import { OutageLog } from './limiter/outage-log.js';
import { CircuitBreakerRegistry } from './breaker/breaker.registry.js';
import { RateLimitConfigurationError } from './contracts/errors.js';
import { BackendUnavailableFilter } from './transports/http/backend-unavailable.filter.js';
import { Injection } from './guard/injection.js';
import { KeyReaders } from './guard/keys/key-reader.js';
import { RateLimitExceededFilter } from './transports/http/rate-limit-exceeded.filter.js';
import { RateLimitGuard } from './guard/rate-limit.guard.js';
import { ChargeResolver } from './guard/charge-resolver.js';
import { RouteCatalog } from './guard/route-catalog.js';
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
  readonly inject?: NonNullable<FactoryProvider['inject']>;
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
export class RateLimitModule implements NestModule, OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
    @Inject(BackendUnavailableFilter) private readonly unavailable: BackendUnavailableFilter,
    @Inject(RateLimitExceededFilter) private readonly exceeded: RateLimitExceededFilter,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(RouteCatalog) private readonly routes: RouteCatalog,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(RateLimitEvents) events: RateLimitEvents,
    @Inject(CircuitBreakerRegistry) registry: CircuitBreakerRegistry,
  ) {
    registry.onTransition((transition) => events.emit({ kind: 'breaker-transition', ...transition }));
    this.bindFilters();
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

  /**
   * Binds the filters once more, at the last moment before routes are made: Nest asks the last global filter first, and
   * one of the application that catches everything would answer an outage with 500.
   */
  configure(): void {
    this.bindFilters();
  }

  /** @throws RateLimitConfigurationError for a decorator that is wrong, or if the module is there twice */
  onModuleInit(): void {
    const modules = [...this.modules.values()].filter(({ metatype }) => metatype === RateLimitModule);
    if (modules.length > 1) {
      throw new RateLimitConfigurationError(
        'RateLimitModule',
        modules.length,
        'Call forRoot() or forRootAsync() once, in the root module: one guard decides for all routes.',
      );
    }
    this.routes.prepare();
  }

  /** By now no request is served any more: backends that are closed earlier would fail those that drain. */
  async onApplicationShutdown(): Promise<void> {
    try {
      await this.decider.close();
    } catch (error) {
      // Nest 11 would leave out the hooks of the modules after this one, and reject the application's close().
      new Logger('RateLimit').error('A backend did not close', error instanceof Error ? error.stack : String(error));
    }
  }

  /** Providers, not classes: so a test's overrideProvider reaches what is bound. */
  private bindFilters(): void {
    if (this.settings.bindFilter) this.application.useGlobalFilters(this.exceeded, this.unavailable);
  }
}

function moduleWith(options: Provider[], isGlobal = true): DynamicModule {
  return {
    module: RateLimitModule,
    global: isGlobal,
    providers: [...options, ...PROVIDERS],
    exports: [
      BackendService,
      CircuitBreakerRegistry,
      RateLimitEvents,
      RateLimitGuard,
      BackendUnavailableFilter,
      ...GUARD_PARTS,
    ],
  };
}

/** What the guard is made of, for modules that bind it themselves. */
const GUARD_PARTS = [RATE_LIMIT_SETTINGS, ChargeResolver, Decider, Admission];

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
  Admission,
  BackendService,
  Injection,
  KeyReaders,
  RouteCatalog,
  ChargeResolver,
  RateLimitGuard,
  BackendUnavailableFilter,
  RateLimitExceededFilter,
  {
    // The provider itself is handed on, so that a test's overrideProvider reaches what is bound.
    provide: APP_GUARD,
    useFactory: ({ bindGuard }: RateLimitSettings, guard: RateLimitGuard): CanActivate =>
      bindGuard ? guard : NO_GUARD,
    inject: [RATE_LIMIT_SETTINGS, RateLimitGuard],
  },
];

const NO_GUARD: CanActivate = { canActivate: () => true };

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
