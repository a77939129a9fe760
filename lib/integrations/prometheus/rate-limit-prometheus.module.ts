import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Registry } from 'prom-client';
import { Metrics } from '../metrics.js';
import { observedApplication } from '../observed-application.js';
import { metricsController, RATE_LIMIT_METRICS_REGISTRY } from './metrics.controller.js';
import { prometheusInstruments, prometheusReadings } from './prometheus.instruments.js';
import {
  type MetricsRegistry,
  prometheusSettings,
  type PrometheusSettings,
  type RateLimitPrometheusOptions,
} from './prometheus.options.js';
import { RegisteredMetrics } from './registered-metrics.js';

const SETTINGS = Symbol.for('nestjs-floodgate:prometheus-settings');

/**
 * Metrics of the limiter for Prometheus, with prom-client. No label contains a key.
 *
 * Inject `RATE_LIMIT_METRICS_REGISTRY` to get the registry.
 *
 * @example
 * \@Module({ imports: [RateLimitModule.forRoot(), RateLimitPrometheusModule.forRoot()] })
 * export class AppModule {}
 */
@Module({})
export class RateLimitPrometheusModule implements OnModuleInit, OnApplicationShutdown {
  private readonly metrics: RegisteredMetrics;
  private stop = (): void => undefined;

  constructor(
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(RATE_LIMIT_METRICS_REGISTRY) registry: MetricsRegistry,
    @Inject(SETTINGS) { prefix }: PrometheusSettings,
  ) {
    this.metrics = new RegisteredMetrics(registry, prefix);
  }

  /**
   * @param options all have defaults
   * @throws RateLimitConfigurationError for an option that is wrong
   */
  static forRoot(options: RateLimitPrometheusOptions = {}): DynamicModule {
    const settings = prometheusSettings(options);
    const controllers: Type[] = settings.path === false ? [] : [metricsController(settings.path)];
    return {
      module: RateLimitPrometheusModule,
      controllers,
      providers: [
        { provide: SETTINGS, useValue: settings },
        // Made for each application: several may be made of one module class.
        { provide: RATE_LIMIT_METRICS_REGISTRY, useFactory: () => settings.registry ?? new Registry() },
      ],
      exports: [RATE_LIMIT_METRICS_REGISTRY],
    };
  }

  /** @throws RateLimitConfigurationError if there is no `RateLimitModule`, or the registry has metrics of these names */
  onModuleInit(): void {
    const application = observedApplication(this.modules, 'RateLimitPrometheusModule');
    const metrics = new Metrics(application, prometheusInstruments(this.metrics));
    prometheusReadings(this.metrics, metrics);
    this.stop = metrics.start();
  }

  onApplicationShutdown(): void {
    this.stop();
    this.metrics.remove();
  }
}
