export { filePolicyStore, type FilePolicyStoreOptions } from './backends/file/file.policy-store.js';
export { fileBreakerState, type FileBreakerStateOptions } from './fleet/file.breaker-state.js';
export { processBreakerState, type ProcessBreakerStateOptions } from './fleet/process.breaker-state.js';
export { BackendService } from './limiter/backend.service.js';
export type { ConsumeOptions, SubjectInput } from './limiter/service-requests.js';
export type { Limiter } from './limiter/limiter-handle.js';
export { Paced, type PacedOptions } from './limiter/paced.decorator.js';
export type { WaitOptions } from './limiter/waiting-lines.js';
export type { AccessListOptions } from './policies/access-lists.js';
export { failoverBackend, type FailoverBackendOptions } from './limiter/failover.backend.js';
export type { Lease } from './limiter/lease.js';
export { memoryBackend, type MemoryBackendOptions } from './backends/memory/memory.backend.js';
export { Breaker, type BreakerOptions } from './breaker/breaker.js';
export { CircuitBreakerRegistry } from './breaker/breaker.registry.js';
export {
  CircuitBreaker,
  type CircuitBreakerDecoratorOptions,
  type CircuitBreakerFallback,
} from './breaker/circuit-breaker.decorator.js';
export type {
  Backend,
  BackendCapabilities,
  BackendHealth,
  BackendRequest,
  BackendStatus,
  Charge,
  ConsumeRequest,
  Refund,
  RefundRequest,
  Reply,
} from './contracts/backend.js';
export type {
  BreakerStateListener,
  BreakerStateStore,
  CircuitReport,
  PeersProbe,
  PeersReport,
  ProbeRefusal,
} from './contracts/breaker-state.js';
export type {
  BreakerMode,
  BreakerSnapshot,
  BreakerState,
  BreakerTransition,
  BreakerTransitionListener,
  CircuitBreakerOptions,
  CircuitBreakerStatus,
  Clock,
  Permit,
  TripOptions,
} from './contracts/breaker.js';
export type {
  AllowedDecision,
  Decision,
  DecisionSource,
  LimitedDecision,
  PolicyStatus,
  UnenforcedDecision,
  UnenforcedReason,
} from './contracts/decision.js';
export {
  BackendUnavailableError,
  CircuitOpenError,
  DeadlineExceededError,
  FailureResultError,
  FloodgateError,
  RateLimitConfigurationError,
  type GraphqlExtensions,
} from './contracts/errors.js';
export type * from './contracts/events.js';
export type * from './contracts/policy.js';
export type * from './contracts/policy-store.js';
export type { RouteLimits } from './contracts/route-limits.js';
export { RateLimitExceededException } from './contracts/rate-limit-exceeded.exception.js';
export { BackendUnavailableFilter } from './transports/backend-unavailable.filter.js';
export type { Caller, LimitReach, RateLimitTransport, Refusal } from './transports/transport.js';
export { keyOf } from './guard/keys/key-of.js';
export { routeLimits } from './guard/route-limits.js';
export { RateLimit, RateLimitDecision, SkipRateLimit } from './guard/rate-limit.decorators.js';
export { RateLimitGuard } from './guard/rate-limit.guard.js';
export {
  RateLimitPolicies,
  type LivePolicy,
  type OverridePolicyOptions,
  type SetPolicyOptions,
} from './limiter/rate-limit-policies.js';
export { RateLimitEvents } from './observe/rate-limit-events.js';
export {
  RateLimitModule,
  type RateLimitModuleAsyncOptions,
  type RateLimitOptionsFactory,
} from './rate-limit.module.js';
export { RATE_LIMIT_OPTIONS, type HeaderStyle, type RateLimitModuleOptions } from './rate-limit.options.js';
