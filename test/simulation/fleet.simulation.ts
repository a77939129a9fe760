import { CircuitBreakerRegistry } from '../../lib/breaker/breaker.registry.js';
import type { Breaker } from '../../lib/breaker/breaker.js';
import { BreakerSharing } from '../../lib/fleet/breaker-sharing.js';
import { randomNumbers } from '../support/random-numbers.js';
import { between, pauseMs, type Random } from './random.js';
import { SimulatedHost } from './simulated-host.js';
import { Timeline } from './timeline.js';

/** What is simulated. Times are in ms. */
export interface FleetPlan {
  readonly seed: number;
  readonly processes: number;
  readonly perHost: number;
  /** Whether the processes of a host share what they know. */
  readonly shared: boolean;
  readonly quorum?: number | undefined;
  readonly callsPerSecond: number;
  readonly outage: { readonly fromMs: number; readonly untilMs: number };
  readonly untilMs: number;
  /** Processes whose own network is down, all the time. */
  readonly broken?: readonly number[];
  /** Share of calls that fail while all is well. Default 0. */
  readonly noise?: number;
  /** Processes are killed so often on each host, and one takes its place. Default: never. */
  readonly killsPerSecond?: number;
}

/** What came of it. */
export interface FleetResult {
  /** Calls that were made and failed before every circuit was open. */
  readonly failuresUntilOpen: number;
  /** From the outage's begin; `undefined`: some stayed closed. */
  readonly allOpenAfterMs: number | undefined;
  /** Probes in the busiest second of the outage, once all were open: of all processes, and of the busiest host. */
  readonly peakProbes: number;
  readonly peakProbesOfHost: number;
  /** Probes under way at one time on the busiest host. */
  readonly mostProbesAtOnce: number;
  /** From the outage's end; `undefined`: some stayed open. */
  readonly allClosedAfterMs: number | undefined;
  /** Circuits of healthy processes that opened while what they call was up. */
  readonly wrongOpenings: number;
  /** Tells one run from another: the same plan answers the same. */
  readonly fingerprint: number;
}

const TIMEOUT_MS = 250;
const ANSWER_MS = [0.5, 5] as const;
const TICK_MS = 500;
const OPTIONS = { failureThreshold: 5, recoveryTimeout: 1_000, resetTimeout: 1_000, backoffMax: 60_000 } as const;

/** Runs real breakers of a fleet under a clock, a network and randomness of its own. */
export function simulateFleet(plan: FleetPlan): FleetResult {
  return new FleetSimulation(plan).run();
}

interface Process {
  readonly index: number;
  readonly host: number;
  readonly breaker: Breaker;
  readonly isBroken: boolean;
  alive: boolean;
  end: () => void;
}

class FleetSimulation {
  private readonly timeline = new Timeline();
  private readonly random: Random;
  private readonly hosts: SimulatedHost[];
  private readonly processes: Process[] = [];
  private readonly probesAt = new Map<number, Map<number, number>>();
  private readonly probing = new Map<number, number>();
  private started = 0;
  private openCount = 0;
  private failures = 0;
  private failuresUntilOpen = 0;
  private allOpenAtMs: number | undefined;
  private allClosedAtMs: number | undefined;
  private mostAtOnce = 0;
  private wrongOpenings = 0;
  private hash = 0;

  constructor(private readonly plan: FleetPlan) {
    this.random = randomNumbers(plan.seed);
    const count = Math.ceil(plan.processes / plan.perHost);
    this.hosts = Array.from({ length: count }, () => new SimulatedHost(this.timeline, this.random));
  }

  run(): FleetResult {
    const { plan, timeline } = this;
    for (let index = 0; index < plan.processes; index += 1) this.start(index);
    if (plan.killsPerSecond !== undefined)
      this.hosts.forEach((_, host) => this.killLater(host, plan.killsPerSecond ?? 0));
    timeline.runUntil(plan.untilMs);
    const seconds = [...this.probesAt.values()];
    return {
      failuresUntilOpen: this.allOpenAtMs === undefined ? this.failures : this.failuresUntilOpen,
      allOpenAfterMs: this.allOpenAtMs === undefined ? undefined : Math.round(this.allOpenAtMs - plan.outage.fromMs),
      peakProbes: Math.max(0, ...seconds.map((hosts) => [...hosts.values()].reduce((sum, one) => sum + one, 0))),
      peakProbesOfHost: seconds.reduce((most, hosts) => Math.max(most, ...hosts.values()), 0),
      mostProbesAtOnce: this.mostAtOnce,
      allClosedAfterMs:
        this.allClosedAtMs === undefined ? undefined : Math.round(this.allClosedAtMs - plan.outage.untilMs),
      wrongOpenings: this.wrongOpenings,
      fingerprint: this.hash >>> 0,
    };
  }

  private start(index: number): void {
    const { plan, timeline, random } = this;
    const host = Math.floor(index / plan.perHost);
    const registry = new CircuitBreakerRegistry();
    const breaker = registry.create('backend:redis', {
      ...OPTIONS,
      callTimeout: TIMEOUT_MS,
      clock: () => timeline.nowMs,
      random,
    });
    const process: Process = {
      index,
      host,
      breaker,
      isBroken: plan.broken?.includes(index) === true,
      alive: true,
      end: () => undefined,
    };
    this.processes[index] = process;
    breaker.onTransition(({ from, to }) => this.moved(process, from, to));
    if (plan.shared) this.share(process, registry);
    this.callLater(process);
  }

  private share(process: Process, registry: CircuitBreakerRegistry): void {
    this.started += 1;
    const store = (this.hosts[process.host] as SimulatedHost).store(
      `${process.index}.${this.started}`,
      this.plan.quorum,
    );
    const sharing = new BreakerSharing(registry, store, this.timeline.clock);
    sharing.start();
    void store.open({
      heard: (peers) => process.alive && sharing.heard(peers),
      resumed: () => undefined,
      warn: () => undefined,
      away: () => undefined,
      back: () => undefined,
    });
    const tick = (): void => {
      if (!process.alive) return;
      sharing.tick();
      this.timeline.after(TICK_MS, tick);
    };
    this.timeline.after(between(this.random, 0, TICK_MS), tick);
    process.end = () => void store.close();
  }

  private callLater(process: Process): void {
    this.timeline.after(pauseMs(this.random, this.plan.callsPerSecond), () => {
      if (!process.alive) return;
      this.call(process);
      this.callLater(process);
    });
  }

  private call(process: Process): void {
    const { timeline, plan } = this;
    const permit = process.breaker.tryAcquire();
    if (permit === undefined) return;
    const isProbe = process.breaker.status().state === 'half-open';
    if (isProbe) this.countProbe(process);
    // What is frozen answers once it moves again, and by then the call is given up.
    const fails = this.isDown(process) || this.random() < (plan.noise ?? 0);
    timeline.after(fails ? TIMEOUT_MS : between(this.random, ...ANSWER_MS), () => {
      if (!process.alive) return;
      if (isProbe) this.probing.set(process.host, (this.probing.get(process.host) ?? 0) - 1);
      if (!fails) return void permit.success();
      if (this.isOutage() && this.allOpenAtMs === undefined) this.failures += 1;
      permit.failure(new Error('down'));
    });
  }

  private isDown(process: Process): boolean {
    return process.isBroken || this.isOutage();
  }

  private isOutage(): boolean {
    const { nowMs } = this.timeline;
    return nowMs >= this.plan.outage.fromMs && nowMs < this.plan.outage.untilMs;
  }

  private countProbe(process: Process): void {
    const atOnce = (this.probing.get(process.host) ?? 0) + 1;
    this.probing.set(process.host, atOnce);
    this.mostAtOnce = Math.max(this.mostAtOnce, atOnce);
    if (this.allOpenAtMs === undefined || !this.isOutage()) return;
    const second = Math.floor((this.timeline.nowMs - this.allOpenAtMs) / 1_000);
    const hosts = this.probesAt.get(second) ?? new Map<number, number>();
    hosts.set(process.host, (hosts.get(process.host) ?? 0) + 1);
    this.probesAt.set(second, hosts);
  }

  private moved(process: Process, from: string, to: string): void {
    const { nowMs } = this.timeline;
    this.hash = Math.imul(this.hash ^ Math.round(nowMs * 1_000) ^ process.index, 0x01000193) + 1;
    if (from === 'closed') this.opened(process);
    if (to !== 'closed') return;
    this.openCount -= 1;
    if (this.openCount === 0 && nowMs >= this.plan.outage.untilMs) this.allClosedAtMs ??= nowMs;
  }

  private opened(process: Process): void {
    const { nowMs } = this.timeline;
    this.openCount += 1;
    // A call that began in the outage may be given up just after it.
    const { fromMs, untilMs } = this.plan.outage;
    const isUp = nowMs < fromMs || nowMs > untilMs + TIMEOUT_MS;
    if (!process.isBroken && isUp) this.wrongOpenings += 1;
    if (this.openCount < this.plan.processes || this.allOpenAtMs !== undefined) return;
    this.allOpenAtMs = nowMs;
    this.failuresUntilOpen = this.failures;
  }

  private killLater(host: number, perSecond: number): void {
    this.timeline.after(pauseMs(this.random, perSecond), () => {
      const first = host * this.plan.perHost;
      const index = first + Math.floor(this.random() * Math.min(this.plan.perHost, this.plan.processes - first));
      this.kill(this.processes[index] as Process);
      this.killLater(host, perSecond);
    });
  }

  private kill(process: Process): void {
    const { state } = process.breaker.status();
    process.alive = false;
    process.end();
    if (state !== 'closed') this.openCount -= 1;
    if (state === 'half-open') this.probing.set(process.host, (this.probing.get(process.host) ?? 0) - 1);
    this.start(process.index);
  }
}
