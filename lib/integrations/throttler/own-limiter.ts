import { CircuitBreakerRegistry } from '../../breaker/breaker.registry.js';
import { BackendService } from '../../limiter/backend.service.js';
import { Decider } from '../../limiter/decider.js';
import { OutageLog } from '../../limiter/outage-log.js';
import { RateLimitEvents } from '../../observe/rate-limit-events.js';
import { PolicyCatalog } from '../../policies/policy-catalog.js';
import type { RateLimitSettings } from '../../rate-limit.options.js';

/**
 * A limiter without a module: made with the first call or the first application that starts, so that nothing connects
 * before, and closed with the last application that shuts down.
 */
export class OwnLimiter {
  private made: { readonly service: BackendService; readonly decider: Decider } | undefined;
  private applications = 0;

  constructor(private readonly settings: RateLimitSettings) {}

  get limiter(): BackendService {
    this.made ??= limiterWith(this.settings);
    return this.made.service;
  }

  /** An application begins to use it. */
  join(): void {
    this.applications += 1;
    this.made ??= limiterWith(this.settings);
  }

  /** An application ends to use it. */
  async leave(): Promise<void> {
    this.applications -= 1;
    if (this.applications > 0) return;
    this.applications = 0;
    const { made } = this;
    this.made = undefined;
    await made?.decider.close();
  }
}

function limiterWith(settings: RateLimitSettings): { readonly service: BackendService; readonly decider: Decider } {
  const events = new RateLimitEvents();
  const registry = new CircuitBreakerRegistry();
  registry.onTransition((transition) => events.emit({ kind: 'breaker-transition', ...transition }));
  const decider = new Decider(settings, events, registry);
  new OutageLog(events, decider);
  const catalog = new PolicyCatalog({}, settings.backend.capabilities);
  return { service: new BackendService(settings, decider, catalog), decider };
}
