import type { CircuitReport, PeersProbe, PeersReport, ProbeRefusal } from '../contracts/breaker-state.js';
import type { Clock } from '../contracts/breaker.js';
import { Gathering, type ProcessReport } from './gathering.js';

/** Minimum time between two broadcasts of renewed hints, in ms. */
const RENEW_MS = 400;

/** For how long a probe is respected after its hub ended, in ms. */
const PROBE_OF_BEFORE_MS = 1_000;

/** A process, or a thread, of the host. */
export interface HubMember {
  readonly id: string;
  heard(peers: readonly PeersReport[]): void;
}

/** The dependencies of a hub. */
interface HubParts {
  readonly clock: Clock;
  /** Runs something soon, after the current work. */
  readonly soon: (work: () => void) => void;
  /** Called when something changed that must be stored. */
  readonly changed: () => void;
}

/** The meeting point of a host's processes: passes the reports to each process, and gives the probe to one of them. */
export class Hub {
  private readonly gathering = new Gathering();
  private readonly members = new Map<string, HubMember>();
  private telling = false;
  private toldMs = 0;

  constructor(private readonly parts: HubParts) {}

  /**
   * Processes of before this hub.
   *
   * @param graceMs how long they may take to come here; a process that has not come by then has ended
   */
  remember(processes: readonly ProcessReport[], graceMs: number): void {
    const nowMs = this.parts.clock();
    this.gathering.remember(processes, nowMs, nowMs + graceMs);
  }

  /**
   * @param starts true: the process has just started; false: it only lost its previous hub
   * @returns the state of an ended process, from which this one continues
   */
  enter(member: HubMember, reports: readonly CircuitReport[], starts: boolean): CircuitReport[] {
    const nowMs = this.parts.clock();
    this.members.set(member.id, member);
    this.gathering.enter(member.id, reports, nowMs);
    // The previous hub knew who probes; the probing processes know it, too.
    for (const { circuit, state } of reports) {
      if (state === 'half-open') this.gathering.claim(member.id, circuit, PROBE_OF_BEFORE_MS, nowMs);
    }
    const resumed = starts ? this.gathering.resume(nowMs) : [];
    this.moved();
    return resumed;
  }

  leave(id: string): void {
    this.members.delete(id);
    this.gathering.leave(id, this.parts.clock());
    this.moved();
  }

  tell(id: string, reports: readonly CircuitReport[]): void {
    const nowMs = this.parts.clock();
    if (this.gathering.tell(id, reports, nowMs)) this.moved();
    // Every process renews its report, and the hub passes on all of them together.
    else if (nowMs - this.toldMs >= RENEW_MS) this.tellSoon();
  }

  /** @returns `undefined`: granted */
  claim(id: string, circuit: string, forMs: number): ProbeRefusal {
    const refusal = this.gathering.claim(id, circuit, forMs, this.parts.clock());
    if (refusal === undefined) this.tellSoon();
    return refusal;
  }

  settle(id: string, circuit: string, keep: PeersProbe | undefined): void {
    this.gathering.settle(id, circuit, keep, this.parts.clock());
    this.tellSoon();
  }

  /** Everything that must be stored. */
  all(): ProcessReport[] {
    return this.gathering.all(this.parts.clock());
  }

  private moved(): void {
    this.parts.changed();
    this.tellSoon();
  }

  private tellSoon(): void {
    if (this.telling) return;
    this.telling = true;
    this.parts.soon(() => {
      this.telling = false;
      const nowMs = this.parts.clock();
      this.toldMs = nowMs;
      for (const member of this.members.values()) member.heard(this.gathering.peersOf(member.id, nowMs));
    });
  }
}
