import { Controller, Get } from '@nestjs/common';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NestFactory } from '@nestjs/core';
import {
  BackendService,
  CircuitBreakerRegistry,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { RateLimitOpenTelemetryModule } from 'nestjs-floodgate/opentelemetry';
import { startHttpApp } from '../../../support/http-app.js';
import { refused, ScriptedBackend } from '../../limiter/failover/scripted-backend.js';

@Controller()
class Cats {
  @RateLimit({ name: 'cats', rate: '1/m' })
  @Get('cats')
  all(): void {}
}

/** What a provider of metrics has collected, by instrument. */
class CollectedMetrics implements AsyncDisposable {
  private readonly exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  private readonly reader = new PeriodicExportingMetricReader({
    exporter: this.exporter,
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 30_000,
  });
  readonly provider = new MeterProvider({ readers: [this.reader] });

  async read(): Promise<Readonly<Record<string, { unit: string; points: Readonly<Record<string, unknown>> }>>> {
    this.exporter.reset();
    await this.provider.forceFlush();
    const metrics = this.exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((one) => one.metrics));
    return Object.fromEntries(
      metrics.map(({ descriptor, dataPoints }) => [
        descriptor.name,
        {
          unit: descriptor.unit,
          points: Object.fromEntries(
            dataPoints.map(({ attributes, value }) => [
              Object.values(attributes).join(' '),
              typeof value === 'object' ? value.count : value,
            ]),
          ),
        },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.shutdown();
  }
}

async function observed(metrics: CollectedMetrics, options: RateLimitModuleOptions) {
  const app = await NestFactory.createApplicationContext(
    {
      module: class App {},
      imports: [
        RateLimitModule.forRoot(options),
        RateLimitOpenTelemetryModule.forRoot({ meterProvider: metrics.provider }),
      ],
    },
    { logger: false },
  );
  return {
    service: app.get(BackendService),
    breakers: app.get(CircuitBreakerRegistry),
    close: () => app.close(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

describe('metrics for OpenTelemetry', () => {
  it('tell of decisions, calls, failures, breakers and keys', async () => {
    await using metrics = new CollectedMetrics();
    const store = new ScriptedBackend('store');
    await using app = await observed(metrics, {
      backend: store,
      policies: { five: '5/m' },
      failureMode: 'open',
      circuitBreaker: { failureThreshold: 1, recoveryTimeout: '1h' },
    });
    for (let time = 0; time < 6; time += 1) await app.service.consume('user:42', 'five');
    store.error = refused();
    await app.service.consume('user:42', 'five');
    await app.service.consume('user:42', 'five');
    expect(await metrics.read()).toEqual({
      'floodgate.requests': {
        unit: '{request}',
        points: { 'five allowed primary': 5, 'five limited primary': 1, ' failed_open none': 2 },
      },
      'floodgate.near_limit': { unit: '{request}', points: { five: 1 } },
      'floodgate.backend.call.duration': {
        unit: 's',
        points: { 'store consume success': 6, 'store consume failure': 1 },
      },
      'floodgate.backend.failures': { unit: '{call}', points: { 'store ECONNREFUSED': 1 } },
      'floodgate.breaker.transitions': { unit: '{transition}', points: { 'backend:store open': 1 } },
      'floodgate.breaker.state': {
        unit: '1',
        points: { 'backend:store closed': 0, 'backend:store half-open': 0, 'backend:store open': 1 },
      },
      'floodgate.backend.up': { unit: '1', points: { store: 0 } },
      'floodgate.memory.keys': { unit: '{key}', points: { '': 0 } },
    });
  });

  it('are no longer made after the application is closed', async () => {
    await using metrics = new CollectedMetrics();
    const app = await observed(metrics, {});
    await app.close();
    expect((await metrics.read())['floodgate.backend.up']).toBeUndefined();
  });
});

describe('spans', () => {
  it('tell of the decision that was made in them, and hold no key', async () => {
    const exporter = new InMemorySpanExporter();
    const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    try {
      await using http = await startHttpApp(
        'express',
        { imports: [RateLimitModule.forRoot(), RateLimitOpenTelemetryModule.forRoot()], controllers: [Cats] },
        (app) =>
          void app.use(
            (_request: unknown, response: { on(event: string, end: () => void): void }, next: () => void) => {
              const span = tracing.getTracer('test').startSpan('request');
              response.on('finish', () => span.end());
              context.with(trace.setSpan(context.active(), span), next);
            },
          ),
      );
      await fetch(`${http.url}/cats`);
      await fetch(`${http.url}/cats`);
      const spans = exporter.getFinishedSpans().map(({ attributes }) => attributes);
      const told = { 'floodgate.policy': 'cats', 'floodgate.limit': 1, 'floodgate.remaining': 0 };
      const by = { 'floodgate.source': 'primary', 'floodgate.backend': 'memory' };
      expect(spans).toEqual([
        { 'floodgate.decision': 'allowed', ...told, ...by },
        { 'floodgate.decision': 'limited', ...told, ...by, 'floodgate.retry_after_ms': expect.any(Number) },
      ]);
    } finally {
      context.disable();
      await tracing.shutdown();
    }
  });
});

it.each([{ meter: 1 }, { meterProvider: 'global' }, null])('the options %j are refused', (options) => {
  expect(() => RateLimitOpenTelemetryModule.forRoot(options as unknown as object)).toThrow(
    /RateLimitOpenTelemetryModule/,
  );
});
