import type { Backend } from './contracts/backend.js';
import type { CircuitBreakerOptions } from './contracts/breaker.js';
import type { BreakerStateStore } from './contracts/breaker-state.js';
import type { PolicyStore } from './contracts/policy-store.js';
import type { FailureMode, KeyInput, PolicyInput } from './contracts/policy.js';
import { type AccessListOptions } from './policies/access-lists.js';
import type { RateLimitTransport } from './transports/transport.js';
import type { HeaderStyle, RateLimitModuleOptions } from './rate-limit.options.js';

/** Options after validation, with their defaults. @internal */
export interface RateLimitSettings {
  readonly backend: Backend;
  readonly policies: Readonly<Record<string, PolicyInput>>;
  readonly apply: readonly string[];
  readonly connect: string | undefined;
  readonly transports: readonly RateLimitTransport[];
  readonly policyStore: PolicyStore | undefined;
  readonly breakerState: BreakerStateStore | undefined;
  readonly lists: AccessListOptions;
  readonly key: KeyInput;
  readonly failureMode: FailureMode;
  readonly localShare: number;
  readonly timeoutMs: number;
  readonly circuitBreaker: CircuitBreakerOptions | false;
  readonly headers: HeaderStyle;
  readonly problemDetails: boolean;
  readonly ipv6PrefixBits: number;
  readonly userKey: ((user: unknown) => string | undefined) | undefined;
  readonly hashKeys: boolean | { readonly secret: string };
  readonly skipIf: RateLimitModuleOptions['skipIf'];
  readonly enabled: boolean;
  readonly bindGuard: boolean;
  readonly bindFilter: boolean;
}

/** Token of `RateLimitSettings`. @internal */
export const RATE_LIMIT_SETTINGS = Symbol.for('nestjs-floodgate:settings');
