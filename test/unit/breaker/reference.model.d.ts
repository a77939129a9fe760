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
    rate: {
        failureRate: number;
        minimumCalls: number;
        window: number;
    } | undefined;
}
export interface ModelPermit {
    readonly generation: number;
    readonly observed: boolean;
    readonly deadline: number;
    settled: boolean;
}
export type ModelOutcome = 'success' | 'failure' | 'ignored' | 'release';
/** What chance contributes to every period. */
export declare const CHANCE = 0.5;
export declare class ReferenceModel {
    options: ModelOptions;
    state: 'closed' | 'open' | 'half-open';
    mode: 'auto' | 'forced-open' | 'disabled';
    tripCount: number;
    lateOutcomes: number;
    private generation;
    private k;
    private closedSince;
    private openedAt;
    private openUntil;
    private share;
    private successes;
    private slots;
    private outcomes;
    constructor(options: ModelOptions);
    acquire(now: number): ModelPermit | undefined;
    settle(permit: ModelPermit, outcome: ModelOutcome, now: number): void;
    reset(now: number): void;
    forceOpen(): void;
    disable(): void;
    enable(now: number): void;
    configure(change: Partial<ModelOptions>): void;
    failureCount(now: number): number;
    retryAfter(now: number): number;
    /** Probes in flight, for the invariant that there are never too many. */
    probes(): number;
    private permit;
    private expireLeases;
    private count;
    private counted;
    private open;
    private period;
    private close;
    private transition;
}
