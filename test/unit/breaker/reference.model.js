/**
 * The table of states and events once more, as plainly as it can be said and with everything kept in lists: what the
 * real breaker is compared with. It shares no code with it.
 */
/** What chance contributes to every period. */
export const CHANCE = 0.5;
const PARTS = 10;
export class ReferenceModel {
    options;
    state = 'closed';
    mode = 'auto';
    tripCount = 0;
    lateOutcomes = 0;
    generation = 0;
    k = 0;
    closedSince = 0;
    openedAt = 0;
    openUntil = 0;
    share = 1;
    successes = 0;
    slots = [];
    outcomes = [];
    constructor(options) {
        this.options = options;
    }
    acquire(now) {
        this.expireLeases(now);
        if (this.mode === 'disabled')
            return this.permit(false, Infinity);
        if (this.mode === 'forced-open')
            return undefined;
        if (this.state === 'closed')
            return this.permit(true, Infinity);
        if (this.state === 'open') {
            if (now < this.openUntil)
                return undefined;
            this.transition('half-open');
        }
        if (this.slots.length >= this.options.halfOpenMaxCalls)
            return undefined;
        const { callTimeout, recoveryTimeout } = this.options;
        const probe = this.permit(true, now + (callTimeout > 0 ? 2 * callTimeout : recoveryTimeout));
        this.slots.push(probe);
        return probe;
    }
    settle(permit, outcome, now) {
        if (permit.settled)
            return;
        permit.settled = true;
        this.expireLeases(now);
        const verdict = outcome === 'success' || outcome === 'failure';
        if (permit.generation !== this.generation) {
            if (verdict && permit.observed)
                this.lateOutcomes += 1;
            return;
        }
        if (!permit.observed)
            return;
        this.slots = this.slots.filter((slot) => slot !== permit);
        if (!verdict)
            return;
        if (this.state === 'closed')
            this.count(outcome === 'failure', now);
        else if (outcome === 'failure')
            this.open(now);
        else if (++this.successes >= this.options.successThreshold)
            this.close(now);
    }
    reset(now) {
        if (this.mode === 'forced-open')
            this.mode = 'auto';
        this.close(now);
        this.k = 0;
    }
    forceOpen() {
        if (this.mode === 'forced-open')
            return;
        this.mode = 'forced-open';
        this.transition('open');
    }
    disable() {
        if (this.mode === 'disabled')
            return;
        this.mode = 'disabled';
        this.transition('closed');
    }
    enable(now) {
        if (this.mode === 'auto')
            return;
        this.mode = 'auto';
        this.close(now);
    }
    configure(change) {
        this.options = { ...this.options, ...change };
        if (this.state === 'open' && this.mode === 'auto') {
            this.openUntil = Math.min(this.openUntil, this.openedAt + this.period());
        }
    }
    failureCount(now) {
        if (this.state !== 'closed' || this.mode !== 'auto')
            return 0;
        return this.counted(now).filter(({ failed }) => failed).length;
    }
    retryAfter(now) {
        return this.state === 'open' && this.mode === 'auto' ? Math.max(0, Math.ceil(this.openUntil - now)) : 0;
    }
    /** Probes in flight, for the invariant that there are never too many. */
    probes() {
        return this.state === 'half-open' ? this.slots.length : 0;
    }
    permit(observed, deadline) {
        return { generation: this.generation, observed, deadline, settled: false };
    }
    expireLeases(now) {
        if (this.state !== 'half-open')
            return;
        const lost = this.slots.map(({ deadline }) => deadline).filter((deadline) => deadline <= now);
        if (lost.length > 0)
            this.open(lost.sort((a, b) => a - b)[0]);
    }
    count(failed, now) {
        const { rate, failureThreshold } = this.options;
        if (rate === undefined && !failed) {
            this.outcomes = [];
            return;
        }
        this.outcomes.push({ at: now, failed });
        if (!failed)
            return;
        const counted = this.counted(now);
        const failures = counted.filter((outcome) => outcome.failed).length;
        const trips = rate === undefined
            ? failures >= failureThreshold
            : counted.length >= rate.minimumCalls && failures / counted.length >= rate.failureRate;
        if (trips)
            this.open(now);
    }
    counted(now) {
        const { rate } = this.options;
        const start = this.outcomes[0]?.at ?? 0;
        if (rate === undefined)
            return this.outcomes;
        const part = (at) => Math.floor(((at - start) * PARTS) / rate.window);
        return this.outcomes.filter(({ at }) => part(at) > part(now) - PARTS);
    }
    open(at) {
        if (this.state === 'closed' && at - this.closedSince >= this.options.resetTimeout)
            this.k = 0;
        this.k += 1;
        this.tripCount += 1;
        this.transition('open');
        this.openedAt = at;
        this.share = 1 - this.options.jitter * CHANCE;
        this.openUntil = at + this.period();
    }
    period() {
        const { backoffMax, recoveryTimeout, backoffMultiplier } = this.options;
        return Math.min(backoffMax, recoveryTimeout * backoffMultiplier ** (this.k - 1)) * this.share;
    }
    close(now) {
        this.transition('closed');
        this.closedSince = now;
    }
    transition(state) {
        this.state = state;
        this.generation += 1;
        this.slots = [];
        this.outcomes = [];
        this.successes = 0;
    }
}
