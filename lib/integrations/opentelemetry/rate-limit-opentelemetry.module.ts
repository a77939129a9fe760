import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { type MeterProvider, metrics as globalMetrics, trace } from '@opentelemetry/api';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { RateLimitEvents } from '../../observe/rate-limit-events.js';
import { anObject, onlyKnown } from '../../policies/option-checks.js';
import { Metrics } from '../metrics.js';
import { observedApplication } from '../observed-application.js';
import { otelInstruments, otelReadings } from './opentelemetry.instruments.js';
import { spanAttributes } from './span-attributes.js';

/** Options of `RateLimitOpenTelemetryModule`. */
export interface RateLimitOpenTelemetryOptions {
  /** Where the instruments are made. Default: the global provider, as it is when the application starts. */
  readonly meterProvider?: MeterProvider;
}

const OPTION = 'RateLimitOpenTelemetryModule';
const SETTINGS = Symbol.for('nestjs-floodgate:opentelemetry-settings');

/**
 * Metrics of the limiter for OpenTelemetry, and attributes of each decision on the active span. No attribute holds a key.
 *
 * @example
 * \@Module({ imports: [RateLimitModule.forRoot(), RateLimitOpenTelemetryModule.forRoot()] })
 * export class AppModule {}
 */
@Module({})
export class RateLimitOpenTelemetryModule implements OnModuleInit, OnApplicationShutdown {
  private stops: readonly (() => void)[] = [];

  constructor(
    @Inject(ModuleRef) private readonly modules: ModuleRef,
    @Inject(SETTINGS) private readonly options: RateLimitOpenTelemetryOptions,
  ) {}

  /**
   * @param options all have defaults
   * @throws RateLimitConfigurationError for an option that is wrong
   */
  static forRoot(options: RateLimitOpenTelemetryOptions = {}): DynamicModule {
    anObject(OPTION, options, 'Give an object of options, such as { meterProvider }.');
    onlyKnown(OPTION, options, ['meterProvider']);
    const { meterProvider } = options;
    if (meterProvider !== undefined && typeof meterProvider.getMeter !== 'function') {
      throw new RateLimitConfigurationError(`${OPTION}.meterProvider`, meterProvider, 'Give a MeterProvider.');
    }
    return { module: RateLimitOpenTelemetryModule, providers: [{ provide: SETTINGS, useValue: options }] };
  }

  /** @throws RateLimitConfigurationError if there is no `RateLimitModule` */
  onModuleInit(): void {
    const application = observedApplication(this.modules, OPTION);
    const meter = (this.options.meterProvider ?? globalMetrics).getMeter('nestjs-floodgate');
    const metrics = new Metrics(application, otelInstruments(meter));
    this.stops = [metrics.start(), otelReadings(meter, metrics), describeSpans(application.events)];
  }

  onApplicationShutdown(): void {
    for (const stop of this.stops) stop();
  }
}

/** Listeners run in the course of the call, where its span is the active one. */
function describeSpans(events: RateLimitEvents): () => void {
  return events.observe((event) => {
    if (event.kind !== 'decision') return;
    const span = trace.getActiveSpan();
    if (span?.isRecording() === true) span.setAttributes(spanAttributes(event));
  });
}
