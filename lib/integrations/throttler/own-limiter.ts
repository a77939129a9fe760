import { CircuitBreakerRegistry } from '../../breaker/breaker.registry.js';
import type { Decision } from '../../contracts/decision.js';
import type { PolicyOptions } from '../../contracts/policy.js';
import { boundedKey } from '../../limiter/bounded-key.js';
import { Decider } from '../../limiter/decider.js';
import { failureModeOf } from '../../limiter/failure-mode.js';
import { OutageLog } from '../../limiter/outage-log.js';
import { RateLimitEvents } from '../../observe/rate-limit-events.js';
import { PolicyCatalog } from '../../policies/policy-catalog.js';
import type { RateLimitSettings } from '../../rate-limit.settings.js';

/**
 * A limiter without a module: its backend connects with the first call, and is closed with the last application that
 * shuts down.
 */
export class OwnLimiter {
  private readonly catalog: PolicyCatalog;
  private decider: Decider | undefined;
  private applications = 0;

  constructor(private readonly settings: RateLimitSettings) {
    this.catalog = new PolicyCatalog({}, settings.backend.capabilities);
  }

  /** Charges a key one unit of each policy: all or none. Fails as `BackendService#consume` does. */
  async consume(key: string, policies: readonly PolicyOptions[]): Promise<Decision> {
    const { failureMode, timeoutMs } = this.settings;
    const compiled = policies.map((policy) => this.catalog.forService(policy));
    const bounded = boundedKey(key);
    const { decision } = await this.started().decide({
      charges: compiled.map(({ policy }) => ({ key: bounded, policy, cost: 1 })),
      failureMode: failureModeOf(compiled, failureMode),
      timeoutMs,
    });
    return decision;
  }

  /** An application begins to use it. Connects nothing: a start that fails later would leave that open. */
  join(): void {
    this.applications += 1;
    this.started().join();
  }

  /** An application ends to use it. */
  async leave(): Promise<void> {
    this.applications = Math.max(0, this.applications - 1);
    if (this.applications > 0) return;
    const { decider } = this;
    this.decider = undefined;
    await decider?.close();
  }

  private started(): Decider {
    this.decider ??= deciderWith(this.settings);
    return this.decider;
  }
}

function deciderWith(settings: RateLimitSettings): Decider {
  const events = new RateLimitEvents();
  const registry = new CircuitBreakerRegistry();
  registry.onTransition((transition) => events.emit({ kind: 'breaker-transition', ...transition }));
  const decider = new Decider(settings, events, registry);
  new OutageLog(events, decider);
  return decider;
}
