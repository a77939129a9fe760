import {
  HINT_GRACE_MS,
  KEPT_MS,
  type CircuitReport,
  type PeersProbe,
  type PeersReport,
  type ProbeRefusal,
} from '../contracts/breaker-state.js';

/** The reports of a process, by its id. */
export interface ProcessReport {
  readonly id: string;
  readonly circuits: readonly CircuitReport[];
}

/** The report of a process about one circuit, and its time. */
interface Told {
  readonly report: CircuitReport;
  readonly atMs: number;
}

/** The state of an ended process. */
interface Ended {
  readonly id: string;
  readonly told: readonly Told[];
  /** Before this time the process may still come back. */
  readonly fromMs: number;
}

/** A running (step 0) or failed probe. */
interface Probe {
  readonly owner: string;
  readonly untilMs: number;
  readonly step: number;
}

/**
 * The reports of all processes of a host about their circuits, and their probes. It opens nothing and has no clock:
 * callers pass the time.
 */
export class Gathering {
  private readonly processes = new Map<string, readonly Told[]>();
  private readonly probes = new Map<string, Probe>();
  /** The states of ended processes: each is for one process that starts. */
  private ended: Ended[] = [];

  /** A process has reported, so it has not ended. */
  enter(id: string, reports: readonly CircuitReport[], nowMs: number): void {
    this.ended = this.ended.filter((one) => one.id !== id);
    this.tell(id, reports, nowMs);
  }

  /**
   * Replaces the reports of one process.
   *
   * @returns whether something changed
   */
  tell(id: string, reports: readonly CircuitReport[], nowMs: number): boolean {
    const before = this.processes.get(id) ?? [];
    const told = reports.map((report) => ({ report, atMs: nowMs }));
    this.processes.set(id, told);
    return before.length !== told.length || told.some((one, index) => !isRenewal(before[index] as Told, one));
  }

  /** The process has ended: other processes may probe, and its state is for the next one that starts. */
  leave(id: string, nowMs: number): void {
    const told = this.processes.get(id) ?? [];
    this.processes.delete(id);
    if (told.length > 0) this.ended.push({ id, told, fromMs: nowMs });
    for (const [circuit, { owner }] of this.probes) if (owner === id) this.probes.delete(circuit);
  }

  /** The state of an ended process, minus the time since then. It is given to one process only. */
  resume(nowMs: number): CircuitReport[] {
    this.forgetOld(nowMs);
    const next = this.ended.findIndex(({ fromMs }) => fromMs <= nowMs);
    const [ended] = next < 0 ? [] : this.ended.splice(next, 1);
    return (ended?.told ?? []).map((told) => aged(told, nowMs));
  }

  /** Earlier processes. They have ended, unless they come by `fromMs`. */
  remember(processes: readonly ProcessReport[], nowMs: number, fromMs: number): void {
    for (const { id, circuits } of processes) {
      this.ended.push({ id, fromMs, told: circuits.map((report) => ({ report, atMs: nowMs })) });
    }
  }

  /** @returns `undefined`: granted */
  claim(id: string, circuit: string, forMs: number, nowMs: number): ProbeRefusal {
    const probe = this.probe(circuit, nowMs);
    if (probe !== undefined && probe.owner !== id) return { forMs: probe.untilMs - nowMs, step: probe.step };
    this.probes.set(circuit, { owner: id, untilMs: nowMs + forMs, step: 0 });
    return undefined;
  }

  /**
   * A probe ended. A failed probe delays the probes of all other processes, even if another process had the right to
   * probe, because calls may be rare.
   */
  settle(id: string, circuit: string, keep: PeersProbe | undefined, nowMs: number): void {
    if (keep !== undefined) this.probes.set(circuit, { owner: id, untilMs: nowMs + keep.forMs, step: keep.step });
    else if (this.probe(circuit, nowMs)?.owner === id) this.probes.delete(circuit);
  }

  /** The reports of all other processes for one process. */
  peersOf(id: string, nowMs: number): PeersReport[] {
    const heard = new Map<string, { open: number; hintForMs: number }>();
    for (const [process, all] of this.processes) {
      if (process === id) continue;
      for (const told of all) {
        const hintForMs = told.atMs + told.report.dueInMs + HINT_GRACE_MS - nowMs;
        if (told.report.state === 'kept' || hintForMs <= 0) continue;
        const sum = heard.get(told.report.circuit) ?? { open: 0, hintForMs: 0 };
        heard.set(told.report.circuit, { open: sum.open + 1, hintForMs: Math.max(sum.hintForMs, hintForMs) });
      }
    }
    for (const circuit of this.probes.keys()) {
      if (!heard.has(circuit)) heard.set(circuit, { open: 0, hintForMs: 0 });
    }
    return [...heard].map(([circuit, sum]) => ({ circuit, ...sum, ...this.probeBeside(id, circuit, nowMs) }));
  }

  /** Everything that must be stored. */
  all(nowMs: number): ProcessReport[] {
    this.forgetOld(nowMs);
    const living = [...this.processes].map(([id, told]) => ({ id, told }));
    return [...living, ...this.ended]
      .filter(({ told }) => told.length > 0)
      .map(({ id, told }) => ({ id, circuits: told.map((one) => aged(one, nowMs)) }));
  }

  private probeBeside(id: string, circuit: string, nowMs: number): { readonly probe?: PeersProbe } {
    const probe = this.probe(circuit, nowMs);
    if (probe === undefined || probe.owner === id) return {};
    return { probe: { forMs: probe.untilMs - nowMs, step: probe.step } };
  }

  private probe(circuit: string, nowMs: number): Probe | undefined {
    const probe = this.probes.get(circuit);
    if (probe === undefined || nowMs < probe.untilMs) return probe;
    this.probes.delete(circuit);
    return undefined;
  }

  private forgetOld(nowMs: number): void {
    const isFresh = ({ atMs, report }: Told): boolean => atMs + report.dueInMs + KEPT_MS > nowMs;
    this.ended = this.ended.filter(({ told }) => told.some(isFresh));
  }
}

/** Due times with a smaller difference are the same, in ms. */
const SAME_MS = 100;

function isRenewal(before: Told, after: Told): boolean {
  const [one, other] = [before.report, after.report];
  if (one.circuit !== other.circuit || one.state !== other.state || one.step !== other.step) return false;
  if (one.dueInMs === 0 || other.dueInMs === 0) return true;
  return Math.abs(before.atMs + one.dueInMs - after.atMs - other.dueInMs) < SAME_MS;
}

function aged({ report, atMs }: Told, nowMs: number): CircuitReport {
  return { ...report, dueInMs: Math.max(0, report.dueInMs - (nowMs - atMs)) };
}
