export { RateLimitOpenTelemetryModule, type RateLimitOpenTelemetryOptions } from './rate-limit-opentelemetry.module.js';
