import { Controller, Get, Inject, Res, type Type, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { reply, setHeaders } from '../../transports/http/response.js';
import { OwnPage } from '../own-page.decorator.js';
import type { MetricsRegistry } from './prometheus.options.js';

/** Token of the registry that the module's metrics are in. */
export const RATE_LIMIT_METRICS_REGISTRY = Symbol.for('nestjs-floodgate:metrics-registry');

/** The controller that serves a registry at a path. */
export function metricsController(path: string): Type {
  @OwnPage()
  @Controller({ path, version: VERSION_NEUTRAL })
  class RateLimitMetricsController {
    constructor(
      @Inject(RATE_LIMIT_METRICS_REGISTRY) private readonly registry: MetricsRegistry,
      @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    ) {}

    /** Answers by itself: an interceptor of the application would wrap what is returned. */
    @Get()
    async scrape(@Res() response: object): Promise<void> {
      const text = await this.registry.metrics();
      setHeaders(this.host, response, [['Content-Type', this.registry.contentType]]);
      reply(this.host, response, 200, text);
    }
  }
  return RateLimitMetricsController;
}
