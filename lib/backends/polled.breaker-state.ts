import { randomUUID } from 'node:crypto';
import type {
  BreakerStateListener,
  BreakerStateStore,
  CircuitReport,
  PeersProbe,
  PeersReport,
  ProbeRefusal,
} from '../contracts/breaker-state.js';

/** What a server keeps for the processes of a fleet. Every verb is one call; one that is out of reach rejects. */
export interface StateTable {
  /**
   * Tells what this process says, instead of what it said before, and asks what the others say.
   *
   * @param starts whether the process starts just now: it is given what an ended process knew
   */
  exchange(id: string, reports: readonly CircuitReport[], starts: boolean): Promise<Exchange>;
  claim(id: string, circuit: string, forMs: number): Promise<ProbeRefusal>;
  settle(id: string, circuit: string, keep: PeersProbe | undefined): Promise<void>;
  /** The process ends: what it said is for the next one that starts. */
  leave(id: string): Promise<void>;
  close(): Promise<void>;
}

export interface Exchange {
  readonly peers: readonly PeersReport[];
  readonly resumed: readonly CircuitReport[];
}

/** Time between two exchanges while nothing happens here, in ms: a hint is that old at most. */
const POLL_MS = 500;

/** Deadline of one exchange, in ms: a server that is slower is out of reach. */
const TIMEOUT_MS = 1_000;

/** A server that is out of reach is asked so often, in ms. */
const RETRY_MS = 2_000;

/** Shares breaker state by a server that each process asks twice a second. Nothing of it keeps a process alive. */
export class PolledBreakerState implements BreakerStateStore {
  private readonly id = randomUUID();
  private listener: BreakerStateListener | undefined;
  private reports: readonly CircuitReport[] = [];
  private timer: NodeJS.Timeout | undefined;
  private exchanging: Promise<void> | undefined;
  private moved = false;
  private isAway = false;
  private starts = true;

  constructor(
    readonly name: string,
    readonly quorum: number | undefined,
    private readonly table: StateTable,
  ) {}

  async open(listener: BreakerStateListener): Promise<void> {
    if (this.listener !== undefined) return;
    this.listener = listener;
    this.starts = true;
    await this.exchange();
    this.starts = false;
  }

  /** At once where something changed; else with the next exchange. */
  tell(reports: readonly CircuitReport[]): void {
    const isNew = shapeOf(reports) !== shapeOf(this.reports);
    this.reports = reports;
    if (!isNew || this.listener === undefined || this.isAway) return;
    if (this.exchanging === undefined) void this.exchange();
    else this.moved = true;
  }

  async claim(circuit: string, forMs: number): Promise<ProbeRefusal> {
    if (this.isAway) throw new Error('Out of reach');
    return within(this.table.claim(this.id, circuit, forMs));
  }

  settle(circuit: string, keep: PeersProbe | undefined): void {
    // One that is not heard is over with its lease.
    if (!this.isAway) this.table.settle(this.id, circuit, keep).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.listener = undefined;
    clearTimeout(this.timer);
    await this.exchanging;
    if (!this.isAway && this.reports.length > 0) await within(this.table.leave(this.id)).catch(() => undefined);
    await this.table.close();
  }

  private exchange(): Promise<void> {
    clearTimeout(this.timer);
    this.exchanging ??= this.exchangeOnce().finally(() => {
      this.exchanging = undefined;
      if (this.listener === undefined) return;
      const { moved } = this;
      this.moved = false;
      const pauseMs = this.isAway ? RETRY_MS : POLL_MS;
      this.timer = setTimeout(() => void this.exchange(), moved ? 0 : pauseMs).unref();
    });
    return this.exchanging;
  }

  private async exchangeOnce(): Promise<void> {
    const { starts } = this;
    try {
      const { peers, resumed } = await within(this.table.exchange(this.id, this.reports, starts));
      const wasAway = this.isAway;
      this.isAway = false;
      if (wasAway) this.listener?.back();
      if (resumed.length > 0) this.listener?.resumed(resumed);
      this.listener?.heard(peers);
    } catch (error) {
      if (!this.isAway) this.listener?.away(error);
      this.isAway = true;
    }
  }
}

/** The parts of a report that do not change with time. */
const shapeOf = (reports: readonly CircuitReport[]): string =>
  reports.map(({ circuit, state, step }) => `${circuit}\n${state}\n${step}`).join('\n');

function within<T>(promise: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = Object.assign(new Error('No answer in time'), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => reject(late), TIMEOUT_MS);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
