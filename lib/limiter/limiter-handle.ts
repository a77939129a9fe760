import type { Decision } from '../contracts/decision.js';
import type { Lease } from './lease.js';
import type { PreparedPolicies } from './prepared-policies.js';
import type { ConsumeOptions } from './service-requests.js';

/** A handle for many calls with the same policies: it resolves them once. The methods are those of `BackendService`. */
export interface Limiter {
  /** @param options override those of the handle */
  consume(key: string, options?: ConsumeOptions): Promise<Decision>;
  peek(key: string): Promise<Decision>;
  refund(key: string, cost?: number): Promise<void>;
  reset(key: string): Promise<void>;
  /** @param options override those of the handle */
  acquire(key: string, options?: ConsumeOptions): Promise<Lease>;
}

/** The methods of `BackendService` that a handle uses. */
interface Verbs {
  consume(key: string, policies: PreparedPolicies, options: ConsumeOptions): Promise<Decision>;
  peek(key: string, policies: PreparedPolicies): Promise<Decision>;
  refund(key: string, policies: PreparedPolicies, cost: number | undefined): Promise<void>;
  reset(key: string, policies: PreparedPolicies): Promise<void>;
  acquire(key: string, policies: PreparedPolicies, options: ConsumeOptions): Promise<Lease>;
}

/** The handle behind `BackendService#limiter`. */
export class LimiterHandle implements Limiter {
  constructor(
    private readonly service: Verbs,
    private readonly policies: PreparedPolicies,
    private readonly options: ConsumeOptions,
  ) {}

  consume(key: string, options?: ConsumeOptions): Promise<Decision> {
    return this.service.consume(key, this.policies, this.merged(options));
  }

  peek(key: string): Promise<Decision> {
    return this.service.peek(key, this.policies);
  }

  refund(key: string, cost = this.options.cost): Promise<void> {
    return this.service.refund(key, this.policies, cost);
  }

  reset(key: string): Promise<void> {
    return this.service.reset(key, this.policies);
  }

  acquire(key: string, options?: ConsumeOptions): Promise<Lease> {
    return this.service.acquire(key, this.policies, this.merged(options));
  }

  private merged(options: ConsumeOptions | undefined): ConsumeOptions {
    return options === undefined ? this.options : { ...this.options, ...options };
  }
}
