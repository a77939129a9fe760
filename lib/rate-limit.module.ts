import {
  type DynamicModule,
  type FactoryProvider,
  Inject,
  Logger,
  Module,
  type ModuleMetadata,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { Decider } from './limiter/decider.js';
import { PolicyStoreSync } from './limiter/policy-store.sync.js';
import { QuotaComparison } from './limiter/quota-comparison.js';
import { BreakerStateSync } from './fleet/breaker-state.sync.js';
import { CircuitBreakerRegistry } from './breaker/breaker.registry.js';
import { RateLimitConfigurationError } from './contracts/errors.js';
import { BackendUnavailableFilter } from './transports/backend-unavailable.filter.js';
import { ErrorHeadersInterceptor } from './transports/http/error-headers.interceptor.js';
import { ConnectionGuard } from './guard/connection.guard.js';
import { OutcomeInterceptor } from './guard/outcome.interceptor.js';
import { RateLimitExceededFilter } from './transports/rate-limit-exceeded.filter.js';
import { RateLimitGuard } from './guard/rate-limit.guard.js';
import { bindToHandlers } from './transports/handler-binding.js';
import { FastifyReplies } from './transports/graphql/fastify-replies.js';
import { hideOutages } from './transports/graphql/resolver-methods.js';
import { isDecorated, RouteCatalog } from './guard/route-catalog.js';
import { RateLimitEvents } from './observe/rate-limit-events.js';
import { RATE_LIMIT_OPTIONS, type RateLimitModuleOptions } from './rate-limit.options.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from './rate-limit.settings.js';
import { EXPORTS, PROVIDERS } from './rate-limit.providers.js';

/** Creates the options of the module; for `useClass` and `useExisting`. */
export interface RateLimitOptionsFactory {
  createRateLimitOptions(): RateLimitModuleOptions | Promise<RateLimitModuleOptions>;
}

/** How to create the options of the module if they depend on other providers: one of the three `use…`. */
export interface RateLimitModuleAsyncOptions extends Pick<ModuleMetadata, 'imports'> {
  readonly inject?: NonNullable<FactoryProvider['inject']>;
  // The arguments are what `inject` lists, whose types a signature cannot follow.
  readonly useFactory?: (...args: never[]) => RateLimitModuleOptions | Promise<RateLimitModuleOptions>;
  readonly useClass?: Type<RateLimitOptionsFactory>;
  readonly useExisting?: Type<RateLimitOptionsFactory>;
  /** Set here, because it is needed before the options exist. Default true. */
  readonly isGlobal?: boolean;
}

function withoutOptions(): never {
  throw new RateLimitConfigurationError(
    'imports',
    RateLimitModule,
    'Write RateLimitModule.forRoot() or forRootAsync() there, once, in the root module. It is global: other modules use what it provides without importing it.',
  );
}

/**
 * Rate limiting for an application: a guard, filters, `BackendService`, the registry of circuit breakers and the event
 * stream.
 *
 * @example
 * \@Module({ imports: [RateLimitModule.forRoot({ policies: { api: '100/m' }, apply: ['api'] })] })
 * export class AppModule {}
 */
@Module({
  // Of a module that is imported without options, which forRoot() replaces.
  providers: [{ provide: RATE_LIMIT_OPTIONS, useFactory: withoutOptions }, ...PROVIDERS],
  exports: EXPORTS,
})
export class RateLimitModule implements NestModule, OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: RateLimitSettings,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
    @Inject(BackendUnavailableFilter) private readonly unavailable: BackendUnavailableFilter,
    @Inject(RateLimitExceededFilter) private readonly exceeded: RateLimitExceededFilter,
    @Inject(ErrorHeadersInterceptor) private readonly errorHeaders: ErrorHeadersInterceptor,
    @Inject(OutcomeInterceptor) private readonly outcomes: OutcomeInterceptor,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(RouteCatalog) private readonly routes: RouteCatalog,
    @Inject(Decider) private readonly decider: Decider,
    @Inject(FastifyReplies) private readonly replies: FastifyReplies,
    @Inject(RateLimitGuard) private readonly guard: RateLimitGuard,
    @Inject(ConnectionGuard) private readonly connections: ConnectionGuard,
    @Inject(PolicyStoreSync) private readonly policyStore: PolicyStoreSync,
    @Inject(BreakerStateSync) private readonly breakerState: BreakerStateSync,
    @Inject(QuotaComparison) private readonly quotas: QuotaComparison,
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
    @Inject(RateLimitEvents) events: RateLimitEvents,
    @Inject(CircuitBreakerRegistry) registry: CircuitBreakerRegistry,
  ) {
    registry.onTransition((transition) => events.emit({ kind: 'breaker-transition', ...transition }));
    // Not in a hook of the start: one that fails later would leave the connection open. What never listens connects with
    // its first call.
    host.listen$.subscribe(() => this.decider.start());
    this.bindFilters();
    this.bindToHandlers();
    this.connections.prepare();
    hideOutages(this.modules);
  }

  /**
   * @param options all have defaults
   * @throws RateLimitConfigurationError at start-up, for an option that is wrong
   */
  static forRoot(options: RateLimitModuleOptions = {}): DynamicModule {
    return moduleWith([{ provide: RATE_LIMIT_OPTIONS, useValue: options }], options.isGlobal);
  }

  /** Like `forRoot`, with options that are created when the application starts. */
  static forRootAsync(options: RateLimitModuleAsyncOptions): DynamicModule {
    return { ...moduleWith(asyncOptions(options), options.isGlobal), imports: options.imports ?? [] };
  }

  /**
   * Binds the filters again, at the last moment before routes are created. Nest runs the last global filter first, so a
   * filter of the application that catches everything would write the body of an outage. If filters of the application
   * run first anyway, the headers are already set.
   */
  configure(): void {
    this.bindFilters();
    this.replies.watch();
    if (!this.settings.bindFilter || this.errorHeaders.isNeeded()) {
      this.application.useGlobalInterceptors(this.errorHeaders);
    }
    if (this.routes.watchesEnds) this.application.useGlobalInterceptors(this.outcomes);
  }

  /** @throws RateLimitConfigurationError for a decorator that is wrong, or if the module is there twice */
  async onModuleInit(): Promise<void> {
    const modules = [...this.modules.values()].filter(({ metatype }) => metatype === RateLimitModule);
    if (modules.length > 1) {
      throw new RateLimitConfigurationError(
        'RateLimitModule',
        modules.length,
        'Call forRoot() or forRootAsync() once, in the root module: one guard decides for all routes.',
      );
    }
    this.routes.prepare();
    this.connections.start();
    this.quotas.start();
    await this.policyStore.start();
  }

  /** The start is complete except for hooks of other modules. */
  async onApplicationBootstrap(): Promise<void> {
    this.decider.join();
    await this.breakerState.start();
  }

  /** No request runs any more. If backends closed earlier, the remaining requests would fail. */
  async onApplicationShutdown(): Promise<void> {
    try {
      await this.breakerState.stop();
      await this.policyStore.stop();
      await this.decider.close();
    } catch (error) {
      // Nest 11 would leave out the hooks of the modules after this one, and reject the application's close().
      new Logger('RateLimit').error('A backend did not close', error instanceof Error ? error.stack : String(error));
    }
  }

  /** Immediately: Nest reads the bindings of gateways and message handlers before it calls hooks of modules. */
  private bindToHandlers(): void {
    const { bindGuard, bindFilter } = this.settings;
    bindToHandlers(this.modules, {
      guard: bindGuard ? this.guard : undefined,
      interceptor: this.routes.watchesEnds ? this.outcomes : undefined,
      filters: bindFilter ? { unavailable: this.unavailable, exceeded: this.exceeded } : undefined,
      isLimited: isDecorated,
    });
  }

  /** Providers, not classes, so that `overrideProvider` in a test works for them. */
  private bindFilters(): void {
    if (this.settings.bindFilter) this.application.useGlobalFilters(this.exceeded, this.unavailable);
  }
}

function moduleWith(options: Provider[], isGlobal = true): DynamicModule {
  return {
    module: RateLimitModule,
    global: isGlobal,
    providers: options,
  };
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
