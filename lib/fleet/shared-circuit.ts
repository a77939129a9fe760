import type { Breaker } from '../breaker/breaker.js';
import type { CircuitPeers } from '../breaker/circuit.peers.js';
import {
  HINT_GRACE_MS,
  type BreakerStateStore,
  type CircuitReport,
  type PeersReport,
  type ProbeRefusal,
} from '../contracts/breaker-state.js';
import type { BreakerTransition } from '../contracts/breaker.js';
import { isPromise } from '../contracts/maybe-promise.js';
import { answered, lapsed, NO_RIGHT, UNUSED_MS, used, verdictOf, type Moment, type ProbeRight } from './probe-right.js';

/** Reserve of a requested right, in ms: it may wait for its call, and the call for its end. */
const SPARE_MS = UNUSED_MS + 500;

/** One breaker of this process, connected with those of the same name in other processes. */
export class SharedCircuit implements CircuitPeers {
  private hint: Moment | undefined;
  private peersProbe: Moment | undefined;
  private right: ProbeRight = NO_RIGHT;

  constructor(
    readonly name: string,
    private readonly breaker: Breaker,
    private readonly store: BreakerStateStore,
  ) {}

  /** The report for other processes; `undefined` while it is closed. */
  report(): CircuitReport | undefined {
    const standing = this.breaker.standing();
    return standing && { circuit: this.name, ...standing };
  }

  suspect(nowMs: number): boolean {
    return this.hint !== undefined && nowMs < this.hint.untilMs;
  }

  mayProbe(nowMs: number, forMs: number): boolean {
    const verdict = verdictOf(this.right, { nowMs, forMs, probe: this.peersProbe });
    if (verdict === 'ask' || verdict === 'probe-and-ask') this.ask(nowMs, forMs + SPARE_MS);
    // A synchronous store has answered by now.
    const granted = verdict === 'ask' ? this.right.kind === 'held' : verdict !== 'reject';
    if (granted) this.right = used(this.right, nowMs, forMs + SPARE_MS);
    return granted;
  }

  /** @param peers the reports of the others; `undefined`: there is none */
  heard(peers: PeersReport | undefined, quorum: number): void {
    const nowMs = this.breaker.nowMs();
    const open = peers?.open ?? 0;
    this.hint = peers !== undefined && open > 0 ? { untilMs: nowMs + peers.hintForMs } : undefined;
    this.follow(peers, nowMs);
    if (open >= quorum && peers !== undefined) this.breaker.openFor(Math.max(0, peers.hintForMs - HINT_GRACE_MS));
  }

  /** The store is not available: nothing is known about the others. */
  forget(): void {
    this.hint = undefined;
    this.peersProbe = undefined;
    if (this.right.kind !== 'held') this.right = NO_RIGHT;
  }

  /** The circuit changed: an ended probe is settled. */
  moved({ from, to }: Pick<BreakerTransition, 'from' | 'to'>): void {
    if (to === 'half-open' || this.right.kind !== 'held') return;
    this.right = NO_RIGHT;
    const standing = from === 'half-open' ? this.breaker.standing() : undefined;
    this.store.settle(this.name, standing && { forMs: standing.dueInMs, step: standing.step });
  }

  /** Gives back an unused right. */
  tick(): void {
    const right = lapsed(this.right, this.breaker.nowMs());
    if (right === this.right) return;
    this.right = right;
    this.store.settle(this.name, undefined);
  }

  /** The breaker is removed. */
  leave(): void {
    if (this.right.kind === 'held') this.store.settle(this.name, undefined);
  }

  /** While this circuit is open, its next probe is due when the latest probe of any process says. */
  private follow(peers: PeersReport | undefined, nowMs: number): void {
    const before = this.peersProbe;
    const probe = peers?.probe;
    this.peersProbe = probe && { untilMs: nowMs + probe.forMs };
    if (probe !== undefined && probe.step > 0) this.breaker.follow(probe.forMs, probe.step);
    if (probe !== undefined || before === undefined) return;
    // The probing process is done, or has ended: delayed probes are due.
    this.breaker.follow(0);
    if (this.right.kind === 'none') this.right = NO_RIGHT;
  }

  private ask(nowMs: number, forMs: number): void {
    this.right = { kind: 'asked', sinceMs: nowMs, forMs };
    try {
      const answer = this.store.claim(this.name, forMs);
      if (isPromise(answer)) answer.then(this.hearAnswer, this.goOnAlone);
      else this.hearAnswer(answer);
    } catch {
      this.goOnAlone();
    }
  }

  private readonly hearAnswer = (refusal: ProbeRefusal): void => {
    const nowMs = this.breaker.nowMs();
    this.right = answered(this.right, refusal, nowMs);
    if (refusal === undefined) return;
    this.peersProbe = { untilMs: nowMs + refusal.forMs };
    if (refusal.step > 0) this.breaker.follow(refusal.forMs, refusal.step);
  };

  private readonly goOnAlone = (): void => {
    this.right = answered(this.right, undefined, this.breaker.nowMs());
  };
}
