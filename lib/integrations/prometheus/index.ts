export { RATE_LIMIT_METRICS_REGISTRY } from './metrics.controller.js';
export type { MetricsRegistry, RateLimitPrometheusOptions } from './prometheus.options.js';
export { RateLimitPrometheusModule } from './rate-limit-prometheus.module.js';
