import type {
  BreakerStateListener,
  BreakerStateStore,
  CircuitReport,
  PeersProbe,
  ProbeRefusal,
} from '../../lib/contracts/breaker-state.js';
import { Hub } from '../../lib/fleet/hub.js';
import { between, type Random } from './random.js';
import type { Timeline } from './timeline.js';

/** A message within a host takes from so long to so long, in ms. */
const MESSAGE_MS = [0.1, 2] as const;

/** A host whose processes meet at the real hub, by messages that take their time and stay in order. */
export class SimulatedHost {
  private readonly hub: Hub;

  constructor(
    private readonly timeline: Timeline,
    private readonly random: Random,
  ) {
    this.hub = new Hub({
      clock: timeline.clock,
      soon: (work) => timeline.after(0, work),
      changed: () => undefined,
    });
  }

  store(id: string, quorum: number | undefined): BreakerStateStore {
    const toHub = this.channel();
    const toProcess = this.channel();
    const { hub } = this;
    return {
      name: 'simulated',
      quorum,
      open(listener: BreakerStateListener): void {
        const heard: BreakerStateListener['heard'] = (peers) => toProcess(() => listener.heard(peers));
        hub.enter({ id, heard }, [], false);
      },
      tell: (reports: readonly CircuitReport[]) => toHub(() => hub.tell(id, reports)),
      claim: (circuit: string, forMs: number) =>
        // As good as a promise, whose handlers would run only once the simulation is over.
        thenable<ProbeRefusal>((resolve) =>
          toHub(() => {
            const refusal = hub.claim(id, circuit, forMs);
            toProcess(() => resolve(refusal));
          }),
        ),
      settle: (circuit: string, keep: PeersProbe | undefined) => toHub(() => hub.settle(id, circuit, keep)),
      close: () => toHub(() => hub.leave(id)),
    };
  }

  /** One way between a process and the hub. */
  private channel(): (deliver: () => void) => void {
    let lastMs = 0;
    return (deliver) => {
      const delayMs = between(this.random, ...MESSAGE_MS);
      lastMs = Math.max(lastMs, this.timeline.nowMs + delayMs);
      this.timeline.after(lastMs - this.timeline.nowMs, deliver);
    };
  }
}

function thenable<T>(start: (resolve: (value: T) => void) => void): Promise<T> {
  return { then: (resolve: (value: T) => void) => start(resolve) } as unknown as Promise<T>;
}
