import type { Charge } from '../../contracts/backend.js';
import type { BreakerTransition } from '../../contracts/breaker.js';
import type { Policy } from '../../contracts/policy.js';
import { refuses } from '../../limiter/decisions.js';
import { failureReason } from '../../contracts/failure-reason.js';
import type { ObservedEvent, PlainDecisionEvent } from '../../observe/decision-event.js';
import { eachResult, NO_POLICY, type RequestResult } from '../decision-results.js';
import { CappedNames, seriesOf } from '../metric-labels.js';
import type { DashboardOutage } from './dashboard.schema.js';
import { HotKeys } from './hot-keys.js';
import { ShadowTrials } from './shadow-trials.js';
import { BucketSeries, TimeBuckets } from './time-buckets.js';

const MOST_POLICIES = 200;
const MOST_BREAKERS = 200;
/** Counters of one name that are told apart. */
const MOST_COUNTERS = 100;
/** Outages of a backend, and transitions of a breaker, that are kept. */
const MOST_ENTRIES = 50;

/** Calls over time, and since the start. */
export class Tally {
  total = 0;
  readonly series = new BucketSeries();

  add(bucket: number): void {
    this.total += 1;
    this.series.add(bucket, 1);
  }
}

/** What is kept of a policy. */
export class PolicyHistory {
  readonly allowed = new Tally();
  readonly limited = new Tally();
  readonly shadowLimited = new Tally();
  /** The policies that bear the name, by the id of their counters. */
  readonly known = new Map<string, Policy>();

  meet(policy: Policy): void {
    // A limit that is changed while it is used keeps its id: the latest stands.
    if (this.known.size < MOST_COUNTERS || this.known.has(policy.id)) this.known.set(policy.id, policy);
  }
}

/** What is kept of a backend. */
export class BackendHistory {
  readonly calls = new Tally();
  readonly failures = new Tally();
  readonly sumMs = new BucketSeries();
  readonly maxMs = new BucketSeries();
  outages: readonly DashboardOutage[] = [];
}

/** A transition, and when it was. */
export type DatedTransition = Omit<BreakerTransition, 'breaker'> & { readonly atMs: number };

/** Keeps what happened lately, in bounded memory. */
export class TrafficHistory {
  readonly buckets: TimeBuckets;
  readonly hotKeys: HotKeys;
  readonly shadows = new ShadowTrials();
  readonly policies = new Map<string, PolicyHistory>();
  readonly uncounted = new Map<RequestResult, Tally>();
  readonly backends = new Map<string, BackendHistory>();
  readonly transitions = new Map<string, readonly DatedTransition[]>();
  private readonly policyNames = new CappedNames(MOST_POLICIES);
  private readonly breakerNames = new CappedNames(MOST_BREAKERS);

  /** @param clock ms since the epoch */
  constructor(
    historyMs: number,
    private readonly clock: () => number,
  ) {
    this.buckets = new TimeBuckets(historyMs);
    this.hotKeys = new HotKeys(historyMs);
  }

  hear(event: ObservedEvent, charges: readonly Charge[]): void {
    const nowMs = this.clock();
    switch (event.kind) {
      case 'decision':
        return this.decided(event, charges, nowMs);
      case 'backend-call': {
        const backend = entryOf(this.backends, event.backend, () => new BackendHistory());
        const bucket = this.buckets.at(nowMs);
        backend.calls.add(bucket);
        backend.sumMs.add(bucket, event.durationMs);
        backend.maxMs.raise(bucket, event.durationMs);
        return;
      }
      case 'outage-started': {
        const started = { startedMs: nowMs, endedMs: null, reason: failureReason(event.error), failures: 0 };
        return this.changeOutages(event.backend, (outages) => [...outages, started]);
      }
      case 'backend-failure':
        entryOf(this.backends, event.backend, () => new BackendHistory()).failures.add(this.buckets.at(nowMs));
        return this.changeLast(event.backend, (outage) => ({ ...outage, failures: outage.failures + 1 }));
      case 'outage-ended':
        return this.changeLast(event.backend, (outage) => ({ ...outage, endedMs: nowMs }));
      case 'breaker-transition': {
        const { from, to, reason } = event;
        const name = this.breakerNames.labelOf(seriesOf(event.breaker));
        const known = this.transitions.get(name) ?? [];
        this.transitions.set(name, [...known, { from, to, reason, atMs: nowMs }].slice(-MOST_ENTRIES));
        return;
      }
      case 'eviction':
      case 'policy-change':
      case 'slots':
      case 'queue':
        return;
      default:
        return event satisfies never;
    }
  }

  private decided({ decision }: PlainDecisionEvent, charges: readonly Charge[], nowMs: number): void {
    const bucket = this.buckets.at(nowMs);
    eachResult(decision, (policy, result) => {
      if (policy === NO_POLICY) return entryOf(this.uncounted, result, () => new Tally()).add(bucket);
      this.tallyOf(policy, result).add(bucket);
    });
    for (const [index, { policy, key, cost }] of charges.entries()) {
      this.historyOf(policy.name).meet(policy);
      const status = decision.policies[index];
      if (refuses(status)) this.hotKeys.count(policy, key, nowMs);
      // A call that another policy refused is charged to none.
      if (policy.mode === 'shadow' && status !== undefined && (decision.allowed || !status.allowed)) {
        this.shadows.observe(policy, { key, cost, atMs: nowMs }, !status.allowed);
      }
    }
  }

  private tallyOf(policy: string, result: RequestResult): Tally {
    const { allowed, limited, shadowLimited } = this.historyOf(policy);
    if (result === 'shadow_limited') return shadowLimited;
    return result === 'limited' ? limited : allowed;
  }

  private historyOf(policy: string): PolicyHistory {
    return entryOf(this.policies, this.policyNames.labelOf(policy), () => new PolicyHistory());
  }

  private changeLast(backend: string, change: (outage: DashboardOutage) => DashboardOutage): void {
    this.changeOutages(backend, (outages) =>
      outages.map((one, index) => (index === outages.length - 1 ? change(one) : one)),
    );
  }

  private changeOutages(
    backend: string,
    change: (outages: readonly DashboardOutage[]) => readonly DashboardOutage[],
  ): void {
    const history = entryOf(this.backends, backend, () => new BackendHistory());
    history.outages = change(history.outages).slice(-MOST_ENTRIES);
  }
}

function entryOf<K, V>(entries: Map<K, V>, key: K, make: () => V): V {
  let entry = entries.get(key);
  if (entry === undefined) {
    entry = make();
    entries.set(key, entry);
  }
  return entry;
}
