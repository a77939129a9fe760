/**
 * The table of states and events once more, as plainly as it can be said and with everything kept in lists: what the
 * real breaker is compared with. It shares no code with it.
 */

export interface ModelOptions {
  failureThreshold: number;
  recoveryTimeout: number;
  resetTimeout: number;
  halfOpenMaxCalls: number;
  successThreshold: number;
  backoffMultiplier: number;
  backoffMax: number;
  jitter: number;
  /** 0: none. */
  callTimeout: number;
  /** `undefined`: consecutive failures. */
  rate: { failureRate: number; minimumCalls: number; window: number } | undefined;
}

export interface ModelPermit {
  readonly generation: number;
  readonly observed: boolean;
  readonly deadline: number;
  settled: boolean;
  /** A stream that has answered as a probe. */
  answered: boolean;
}

/** `answer`: an error that is no failure. `first-value`: of a stream, which goes on. */
export type ModelOutcome = 'success' | 'failure' | 'answer' | 'failing-result' | 'release' | 'first-value';

/** What chance contributes to every period. */
export const CHANCE = 0.5;

const PARTS = 10;

export class ReferenceModel {
  state: 'closed' | 'open' | 'half-open' = 'closed';
  mode: 'auto' | 'forced-open' | 'disabled' = 'auto';
  tripCount = 0;
  lateOutcomes = 0;
  private generation = 0;
  /** The half-open generation whose probes closed the circuit as it is. */
  private closedBy: number | undefined;
  private k = 0;
  private closedSince = 0;
  private openedAt = 0;
  private openUntil = 0;
  private share = 1;
  private successes = 0;
  private slots: ModelPermit[] = [];
  private outcomes: { at: number; failed: boolean }[] = [];

  constructor(public options: ModelOptions) {}

  acquire(now: number): ModelPermit | undefined {
    this.expireLeases(now);
    if (this.mode === 'disabled') return this.permit(false, Infinity);
    if (this.mode === 'forced-open') return undefined;
    if (this.state === 'closed') return this.permit(true, Infinity);
    if (this.state === 'open') {
      if (now < this.openUntil) return undefined;
      this.transition('half-open');
    }
    if (this.slots.length >= this.options.halfOpenMaxCalls) return undefined;
    const { callTimeout, recoveryTimeout } = this.options;
    const probe = this.permit(true, now + (callTimeout > 0 ? 2 * callTimeout : recoveryTimeout));
    this.slots.push(probe);
    return probe;
  }

  settle(permit: ModelPermit, outcome: ModelOutcome, now: number): void {
    if (permit.settled) return;
    const isProbe = permit.observed && permit.deadline !== Infinity && !permit.answered;
    if (outcome === 'first-value' && !isProbe) return;
    this.expireLeases(now);
    const heard = permit.generation === this.generation || (permit.answered && this.closedBy === permit.generation);
    const failed = outcome === 'failure' || outcome === 'failing-result';
    if (outcome !== 'release' && permit.observed) {
      if (!heard) this.lateOutcomes += 1;
      else this.verdict(permit, failed, now);
    }
    this.slots = this.slots.filter((slot) => slot !== permit);
    if (outcome === 'first-value') permit.answered = true;
    else permit.settled = true;
  }

  private verdict(permit: ModelPermit, failed: boolean, now: number): void {
    if (this.state === 'closed') this.count(failed, now);
    else if (failed) this.open(now);
    else if (!permit.answered && ++this.successes >= this.options.successThreshold) {
      this.close(now);
      this.closedBy = permit.generation;
    }
  }

  reset(now: number): void {
    if (this.mode === 'forced-open') this.mode = 'auto';
    this.close(now);
    this.k = 0;
  }

  hasten(now: number): void {
    if (this.state !== 'open' || this.mode !== 'auto') return;
    const least = Math.min(1_000 * (2 ** (this.k - 1) - 1), this.options.recoveryTimeout);
    this.openUntil = Math.min(this.openUntil, Math.max(now, this.openedAt + least));
  }

  forceOpen(): void {
    if (this.mode === 'forced-open') return;
    this.mode = 'forced-open';
    this.transition('open');
  }

  disable(): void {
    if (this.mode === 'disabled') return;
    this.mode = 'disabled';
    this.transition('closed');
  }

  enable(now: number): void {
    if (this.mode === 'auto') return;
    this.mode = 'auto';
    this.close(now);
  }

  configure(change: Partial<ModelOptions>): void {
    this.options = { ...this.options, ...change };
    if (this.state === 'open' && this.mode === 'auto') {
      this.openUntil = Math.min(this.openUntil, this.openedAt + this.period());
    }
  }

  failureCount(now: number): number {
    if (this.state !== 'closed' || this.mode !== 'auto') return 0;
    return this.counted(now).filter(({ failed }) => failed).length;
  }

  retryAfter(now: number): number {
    return this.state === 'open' && this.mode === 'auto' ? Math.max(0, Math.ceil(this.openUntil - now)) : 0;
  }

  /** Probes in flight, for the invariant that there are never too many. */
  probes(): number {
    return this.state === 'half-open' ? this.slots.length : 0;
  }

  private permit(observed: boolean, deadline: number): ModelPermit {
    return { generation: this.generation, observed, deadline, settled: false, answered: false };
  }

  private expireLeases(now: number): void {
    if (this.state !== 'half-open') return;
    const lost = this.slots.map(({ deadline }) => deadline).filter((deadline) => deadline <= now);
    if (lost.length > 0) this.open(lost.sort((a, b) => a - b)[0] as number);
  }

  private count(failed: boolean, now: number): void {
    const { rate, failureThreshold } = this.options;
    if (rate === undefined && !failed) {
      this.outcomes = [];
      return;
    }
    this.outcomes.push({ at: now, failed });
    if (!failed) return;
    const counted = this.counted(now);
    const failures = counted.filter((outcome) => outcome.failed).length;
    const trips =
      rate === undefined
        ? failures >= failureThreshold
        : counted.length >= rate.minimumCalls && failures / counted.length >= rate.failureRate;
    if (trips) this.open(now);
  }

  private counted(now: number): { at: number; failed: boolean }[] {
    const { rate } = this.options;
    const start = this.outcomes[0]?.at ?? 0;
    if (rate === undefined) return this.outcomes;
    const part = (at: number): number => Math.floor(((at - start) * PARTS) / rate.window);
    return this.outcomes.filter(({ at }) => part(at) > part(now) - PARTS);
  }

  private open(at: number): void {
    if (this.state === 'closed' && at - this.closedSince >= this.options.resetTimeout) this.k = 0;
    this.k += 1;
    this.tripCount += 1;
    this.transition('open');
    this.openedAt = at;
    this.share = 1 - this.options.jitter * CHANCE;
    this.openUntil = at + this.period();
  }

  private period(): number {
    const { backoffMax, recoveryTimeout, backoffMultiplier } = this.options;
    return Math.min(backoffMax, recoveryTimeout * backoffMultiplier ** (this.k - 1)) * this.share;
  }

  private close(now: number): void {
    this.transition('closed');
    this.closedSince = now;
  }

  private transition(state: 'closed' | 'open' | 'half-open'): void {
    this.state = state;
    this.generation += 1;
    this.closedBy = undefined;
    this.slots = [];
    this.outcomes = [];
    this.successes = 0;
  }
}
