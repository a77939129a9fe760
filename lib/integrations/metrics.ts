import type { BreakerState } from '../contracts/breaker.js';
import type { DecisionSource } from '../contracts/decision.js';
import type { BackendCallOutcome, BackendVerb } from '../contracts/events.js';
import type { ObservedEvent } from '../observe/decision-event.js';
import { failureReason } from '../contracts/failure-reason.js';
import { eachResult, isNearLimit, type RequestResult } from './decision-results.js';
import { CappedNames, seriesOf, worstStates } from './metric-labels.js';
import type { ObservedApplication } from './observed-application.js';

/** Most policy names that metrics tell apart. */
const MOST_POLICIES = 200;
/** Most reasons of failures that metrics tell apart. */
const MOST_REASONS = 50;

/** What an exporter counts with. Times are in seconds. */
export interface MetricInstruments {
  request(policy: string, result: RequestResult, source: DecisionSource): void;
  nearLimit(policy: string): void;
  backendCall(backend: string, verb: BackendVerb, outcome: BackendCallOutcome, seconds: number): void;
  backendFailure(backend: string, reason: string): void;
  breakerTransition(breaker: string, to: BreakerState): void;
  evictions(count: number): void;
  slots(policy: string, inUse: number): void;
  queueLength(policy: string, length: number): void;
  queueWait(policy: string, seconds: number): void;
}

/** The metrics of an application: hands what happens to an exporter's instruments, and reads what is asked for. */
export class Metrics {
  private readonly policies = new CappedNames(MOST_POLICIES);
  private readonly reasons = new CappedNames(MOST_REASONS);
  private readonly down = new Set<string>();
  /** Of the names beyond the cap, what each last told: a gauge of them is their sum. */
  private readonly beyond = { slots: new Map<string, number>(), queue: new Map<string, number>() };

  constructor(
    private readonly application: ObservedApplication,
    private readonly instruments: MetricInstruments,
  ) {}

  /** @returns a function that stops it */
  start(): () => void {
    return this.application.events.observe((event) => this.hear(event));
  }

  /** The worst state of the breakers in each series. */
  breakerStates(): ReadonlyMap<string, BreakerState> {
    return worstStates(this.application.breakers.getAllStatus());
  }

  /** Every backend, and whether its last call went well. */
  backendsUp(): readonly (readonly [backend: string, up: boolean])[] {
    return this.application.decider.guards.map(({ name }) => [name, !this.down.has(name)]);
  }

  /** Counters that memory holds in this process. */
  memoryKeys(): number {
    return this.application.decider.memoryKeys();
  }

  private hear(event: ObservedEvent): void {
    const { instruments } = this;
    switch (event.kind) {
      case 'decision':
        eachResult(event.decision, (policy, result) =>
          instruments.request(this.policies.labelOf(policy), result, event.decision.source),
        );
        if (event.decision.kind !== 'allowed') return;
        for (const status of event.decision.policies) {
          if (isNearLimit(status)) instruments.nearLimit(this.policies.labelOf(status.name));
        }
        return;
      case 'backend-call':
        return instruments.backendCall(event.backend, event.verb, event.outcome, event.durationMs / 1_000);
      case 'backend-failure':
        return instruments.backendFailure(event.backend, this.reasons.labelOf(failureReason(event.error)));
      case 'outage-started':
        return void this.down.add(event.backend);
      case 'outage-ended':
        return void this.down.delete(event.backend);
      case 'breaker-transition':
        return instruments.breakerTransition(seriesOf(event.breaker), event.to);
      case 'eviction':
        return instruments.evictions(event.count);
      case 'policy-change':
        return;
      case 'slots':
        return this.gauge(event.policy, event.inUse, this.beyond.slots, (policy, sum) =>
          instruments.slots(policy, sum),
        );
      case 'queue':
        this.gauge(event.policy, event.length, this.beyond.queue, (policy, sum) =>
          instruments.queueLength(policy, sum),
        );
        if (event.waitedMs !== undefined) {
          instruments.queueWait(this.policies.labelOf(event.policy), event.waitedMs / 1_000);
        }
        return;
      default:
        return event satisfies never;
    }
  }

  private gauge(
    policy: string,
    value: number,
    beyond: Map<string, number>,
    set: (policy: string, value: number) => void,
  ): void {
    const label = this.policies.labelOf(policy);
    if (label === policy) return set(label, value);
    if (value === 0) beyond.delete(policy);
    else beyond.set(policy, value);
    set(
      label,
      [...beyond.values()].reduce((sum, one) => sum + one, 0),
    );
  }
}
