import type { Policy } from '../../contracts/policy.js';
import type { PolicySummary } from '../../simulate/policy-report.js';
import { PolicyTrial, type TrialCall } from '../../simulate/policy-trial.js';

/** Shadow policies that are tried at a time. */
const MOST_TRIALS = 20;

/** What is kept of each: some 5 MB at most. */
const BOUNDS = { maxKeys: 5_000, maxClients: 10_000 };

/** Tries other limits on what shadow policies see, in bounded memory. */
export class ShadowTrials {
  private readonly trials = new Map<string, PolicyTrial>();

  /** @param isRefused what the policy said of the call, wherever its counters are */
  observe(policy: Policy, call: TrialCall, isRefused: boolean): void {
    // How long calls hold their slots is not known before they end.
    if (policy.algorithm === 'concurrency' || call.cost === 0) return;
    let trial = this.trials.get(policy.id);
    if (trial === undefined || !isSame(trial.policy, policy)) {
      if (trial === undefined && this.trials.size >= MOST_TRIALS) return;
      trial = new PolicyTrial(policy, BOUNDS);
      this.trials.set(policy.id, trial);
    }
    trial.observe(call, isRefused);
  }

  /** What became of the policies: of several that share a name, of the one with most calls. */
  summaries(): ReadonlyMap<string, PolicySummary> {
    const byName = new Map<string, PolicySummary>();
    for (const trial of this.trials.values()) {
      const summary = trial.summary();
      if (summary.calls >= (byName.get(summary.policy)?.calls ?? 0)) byName.set(summary.policy, summary);
    }
    return byName;
  }
}

/** Whether a policy still says the same: a limit may be changed while it is used. */
const isSame = (one: Policy, other: Policy): boolean =>
  one === other || (one.limit === other.limit && one.windowMs === other.windowMs && one.burst === other.burst);
