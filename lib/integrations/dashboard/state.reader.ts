import type { CircuitBreakerStatus } from '../../contracts/breaker.js';
import type { Policy } from '../../contracts/policy.js';
import { hashOfKey } from '../../observe/decision-event.js';
import type { PolicySummary } from '../../simulate/policy-report.js';
import { BREAKER_STATES, OTHER, seriesOf } from '../metric-labels.js';
import type { ObservedApplication } from '../observed-application.js';
import type { DashboardSettings } from './dashboard.options.js';
import type {
  DashboardBackend,
  DashboardBreaker,
  DashboardKey,
  DashboardPolicy,
  DashboardState,
  DashboardTrial,
} from './dashboard.schema.js';
import { BackendHistory, type PolicyHistory, type TrafficHistory } from './traffic.history.js';

/** Keys that are shown. */
const SHOWN_KEYS = 20;

/** Reads the state that the page shows from what was kept and what is. */
export class StateReader {
  private readonly startedMs: number;

  /** @param clock ms since the epoch */
  constructor(
    private readonly settings: DashboardSettings,
    private readonly application: ObservedApplication,
    private readonly history: TrafficHistory,
    private readonly clock: () => number,
  ) {
    this.startedMs = clock();
  }

  /** @param count buckets: all, or only the last */
  read(count?: number): DashboardState {
    const nowMs = this.clock();
    const { buckets, policies, uncounted } = this.history;
    const read = buckets.last(nowMs, count);
    const trials = this.history.shadows.summaries();
    return {
      version: 1,
      nowMs,
      startedMs: this.startedMs,
      historyMs: this.settings.historyMs,
      bucketMs: buckets.bucketMs,
      failureMode: this.application.decider.status().failureMode,
      actions: this.settings.actions,
      showKeys: this.settings.showKeys,
      buckets: read.map((bucket) => buckets.startOf(bucket)),
      policies: [...policies].map(([name, history]) => policyOf(name, history, read, this.trialOf(trials.get(name)))),
      uncounted: [...uncounted].map(([reason, { total, series }]) => ({ reason, total, calls: series.read(read) })),
      backends: this.application.decider.guards.map(({ name }) => this.backendOf(name, read, nowMs)),
      breakers: this.breakers(nowMs),
      keys: this.history.hotKeys.top(SHOWN_KEYS, nowMs).map((one): DashboardKey => {
        const { policy, key, limited, atMostOver, lastMs } = one;
        const shown = this.settings.showKeys ? { key } : {};
        return { policy: policy.name, keyHash: hashOfKey(key), ...shown, limited, atMostOver, lastMs };
      }),
    };
  }

  /** The public part of a trial: no client, and no network unless keys are readable. */
  private trialOf(summary: PolicySummary | undefined): DashboardTrial | null {
    if (summary === undefined) return null;
    const { rate, calls, refused, share, clients, clientsAreMore, network, oneInAThousand } = summary;
    const shown = network === null || this.settings.showKeys ? network : { clients: network.clients };
    return { rate, calls, refused, share, clients, clientsAreMore, network: shown, oneInAThousand };
  }

  private backendOf(name: string, read: readonly number[], nowMs: number): DashboardBackend {
    const { calls, failures, sumMs, maxMs, outages } = this.history.backends.get(name) ?? new BackendHistory();
    const counts = calls.series.read(read);
    const sinceMs = nowMs - this.settings.historyMs;
    return {
      name,
      up: outages.at(-1)?.endedMs !== null,
      totals: { calls: calls.total, failures: failures.total },
      calls: counts,
      failures: failures.series.read(read),
      meanMs: sumMs.read(read).map((sum, index) => rounded(sum / Math.max(counts[index] ?? 0, 1))),
      maxMs: maxMs.read(read).map(rounded),
      outages: outages.filter(({ endedMs }) => endedMs === null || endedMs >= sinceMs),
    };
  }

  private breakers(nowMs: number): readonly DashboardBreaker[] {
    const series = new Map<string, CircuitBreakerStatus[]>();
    for (const [name, status] of Object.entries(this.application.breakers.getAllStatus())) {
      series.set(seriesOf(name), [...(series.get(seriesOf(name)) ?? []), status]);
    }
    const sinceMs = nowMs - this.settings.historyMs;
    return [...series].map(([name, all]) => {
      const transitions = this.history.transitions.get(name) ?? [];
      return breakerOf(
        name,
        all,
        transitions.filter(({ atMs }) => atMs >= sinceMs),
      );
    });
  }
}

function policyOf(
  name: string,
  history: PolicyHistory,
  read: readonly number[],
  trial: DashboardTrial | null,
): DashboardPolicy {
  const { allowed, limited, shadowLimited, known } = history;
  const policies = [...known.values()];
  return {
    name,
    quota: name === OTHER ? null : quotaOf(policies),
    mode: policies.length > 0 && policies.every(({ mode }) => mode === 'shadow') ? 'shadow' : 'enforce',
    totals: { allowed: allowed.total, limited: limited.total, shadowLimited: shadowLimited.total },
    allowed: allowed.series.read(read),
    limited: limited.series.read(read),
    shadowLimited: shadowLimited.series.read(read),
    trial,
  };
}

/** The quota that all policies of a name share. */
function quotaOf([first, ...others]: readonly Policy[]): DashboardPolicy['quota'] {
  if (first === undefined) return null;
  const { limit, windowMs } = first;
  return others.every((one) => one.limit === limit && one.windowMs === windowMs) ? { limit, windowMs } : null;
}

function breakerOf(
  name: string,
  all: readonly CircuitBreakerStatus[],
  transitions: DashboardBreaker['transitions'],
): DashboardBreaker {
  const severity = ({ state }: CircuitBreakerStatus): number => BREAKER_STATES.indexOf(state);
  const worst = all.reduce((one, other) => (severity(other) > severity(one) ? other : one));
  const { state, mode, failureCount, failureThreshold, retryAfterMs } = worst;
  return {
    name,
    state,
    mode,
    count: all.length,
    notClosed: all.filter((one) => one.state !== 'closed').length,
    failureCount,
    failureThreshold,
    tripCount: all.reduce((sum, { tripCount }) => sum + tripCount, 0),
    retryAfterMs,
    transitions,
  };
}

const rounded = (milliseconds: number): number => Math.round(milliseconds * 1_000) / 1_000;
