import { Injectable } from '@nestjs/common';
import { BackendService, type BreakerState, CircuitBreakerRegistry } from 'nestjs-floodgate';
import { SimulatedPartner } from '../partner/simulated-partner.js';
import { Load } from './load.js';
import { Outage } from './outage.js';

type UpOrDown = 'up' | 'down';

const upOrDown = (isUp: boolean): UpOrDown => (isUp ? 'up' : 'down');

/** What is going on, as the demo's page and its answers tell it. */
@Injectable()
export class DemoState {
  constructor(
    private readonly outage: Outage,
    private readonly simulated: SimulatedPartner,
    private readonly traffic: Load,
    private readonly limiter: BackendService,
    private readonly breakers: CircuitBreakerRegistry,
  ) {}

  /** The backend, and whether calls may reach it. */
  backend(): { readonly backend: UpOrDown; readonly name: string; readonly breaker: BreakerState | undefined } {
    const [first] = this.limiter.status().backends;
    return { backend: upOrDown(!this.outage.isOn), name: first?.name ?? '', breaker: first?.breaker?.state };
  }

  partner(): { readonly partner: UpOrDown; readonly calls: number; readonly breaker: BreakerState | undefined } {
    const { failing, calls } = this.simulated;
    return { partner: upOrDown(!failing), calls, breaker: this.breakers.get('warehouse')?.status().state };
  }

  /** What the demo's clients got lately. */
  load(): object {
    const nowMs = Date.now();
    return { steady: this.traffic.isSteady, recent: this.traffic.recent(nowMs), clients: this.traffic.strips(nowMs) };
  }

  all(): object {
    const { failureMode } = this.limiter.status();
    return { failureMode, backend: this.backend(), partner: this.partner(), load: this.load() };
  }
}
