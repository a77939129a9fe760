import { type CanActivate, type Provider } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { Admission } from './limiter/admission.js';
import { BackendService } from './limiter/backend.service.js';
import { Decider } from './limiter/decider.js';
import { DecisionRequests } from './limiter/decision-requests.js';
import { OutcomeCharges } from './limiter/outcome-charges.js';
import { OutageLog } from './limiter/outage-log.js';
import { PolicyStoreSync } from './limiter/policy-store.sync.js';
import { QuotaComparison } from './limiter/quota-comparison.js';
import { RateLimitPolicies } from './limiter/rate-limit-policies.js';
import { RoutePolicies } from './limiter/route-policies.js';
import { ServicePolicies } from './limiter/service-policies.js';
import { ServiceRequests } from './limiter/service-requests.js';
import { WaitingLines } from './limiter/waiting-lines.js';
import { BreakerStateSync } from './fleet/breaker-state.sync.js';
import { BREAKER_REGISTRY, CircuitBreakerRegistry } from './breaker/breaker.registry.js';
import { BackendUnavailableFilter } from './transports/backend-unavailable.filter.js';
import { ErrorHeadersInterceptor } from './transports/http/error-headers.interceptor.js';
import { ConnectionGuard } from './guard/connection.guard.js';
import { Injection } from './guard/injection.js';
import { OutcomeInterceptor } from './guard/outcome.interceptor.js';
import { KeyReaders } from './guard/keys/key-reader.js';
import { RateLimitExceededFilter } from './transports/rate-limit-exceeded.filter.js';
import { RateLimitGuard } from './guard/rate-limit.guard.js';
import { FastifyReplies } from './transports/graphql/fastify-replies.js';
import { GraphqlTransport } from './transports/graphql/graphql.transport.js';
import { HttpTransport } from './transports/http/http.transport.js';
import { RpcTransport } from './transports/rpc/rpc.transport.js';
import { Transports } from './transports/transports.js';
import { WebSocketTransport } from './transports/websockets/websocket.transport.js';
import { ChargeResolver } from './guard/charge-resolver.js';
import { RouteCatalog } from './guard/route-catalog.js';
import { RouteCounters } from './guard/route-counters.js';
import { RateLimitEvents } from './observe/rate-limit-events.js';
import { PolicyCatalog } from './policies/policy-catalog.js';
import { RATE_LIMIT_OPTIONS } from './rate-limit.options.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from './rate-limit.settings.js';
import { settingsOf } from './rate-limit.validation.js';

/** What the guard is made of, for modules that bind it themselves. */
const GUARD_PARTS = [RATE_LIMIT_SETTINGS, ChargeResolver, Decider, Admission, OutcomeCharges, Transports];

/** What other modules of an application get. */
export const EXPORTS = [
  BackendService,
  RateLimitPolicies,
  CircuitBreakerRegistry,
  BREAKER_REGISTRY,
  RateLimitEvents,
  RateLimitGuard,
  BackendUnavailableFilter,
  ...GUARD_PARTS,
];

const NO_GUARD: CanActivate = { canActivate: () => true };

/** Everything that the module makes, but its options. */
export const PROVIDERS: Provider[] = [
  { provide: RATE_LIMIT_SETTINGS, useFactory: settingsOf, inject: [RATE_LIMIT_OPTIONS] },
  {
    provide: PolicyCatalog,
    useFactory: ({ policies, backend }: RateLimitSettings) => new PolicyCatalog(policies, backend.capabilities),
    inject: [RATE_LIMIT_SETTINGS],
  },
  RateLimitEvents,
  CircuitBreakerRegistry,
  { provide: BREAKER_REGISTRY, useExisting: CircuitBreakerRegistry },
  OutageLog,
  Decider,
  Admission,
  OutcomeCharges,
  { provide: RoutePolicies, useClass: RouteCounters },
  ServicePolicies,
  DecisionRequests,
  ServiceRequests,
  WaitingLines,
  BackendService,
  PolicyStoreSync,
  BreakerStateSync,
  QuotaComparison,
  RateLimitPolicies,
  FastifyReplies,
  HttpTransport,
  GraphqlTransport,
  WebSocketTransport,
  RpcTransport,
  Transports,
  Injection,
  KeyReaders,
  RouteCatalog,
  ChargeResolver,
  RateLimitGuard,
  ConnectionGuard,
  BackendUnavailableFilter,
  RateLimitExceededFilter,
  ErrorHeadersInterceptor,
  OutcomeInterceptor,
  {
    // The provider itself is handed on, so that a test's overrideProvider reaches what is bound.
    provide: APP_GUARD,
    useFactory: ({ bindGuard }: RateLimitSettings, guard: RateLimitGuard): CanActivate =>
      bindGuard ? guard : NO_GUARD,
    inject: [RATE_LIMIT_SETTINGS, RateLimitGuard],
  },
];
