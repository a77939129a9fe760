import { WithdrawnError } from '../withdrawn.error.js';
import { canRun, continues, type QueuedCall, Run, type Tell } from './queued-call.js';

/** Maximum number of runs in one script call: about a millisecond of the server's time. */
const MAX_RUNS = 256;

/** A running script call, and its deadline. */
interface Flight {
  readonly calls: number;
  readonly expiresMs: number;
}

export interface LaneOptions {
  /** Maximum number of running script calls. */
  readonly maxFlights: number;
  /** Whether calls of one key may share a script call. */
  readonly coalesce: boolean;
  /** Called when no call runs or waits. */
  readonly whenIdle?: (this: void) => void;
}

/** So few calls are not split: a script call more costs more than the server could do meanwhile. */
const FEW = 8;

/**
 * The real function, even if it is faked later. It runs when all sockets with input have been read, so that the requests
 * of all connections share a script call.
 */
const afterInput = setImmediate;

/**
 * Calls that can share script calls, in order of arrival.
 *
 * If no script call is running, a call is sent immediately. Otherwise calls wait, and are sent together when a script
 * call is answered.
 */
export class ScriptLane {
  private readonly waiting: QueuedCall[] = [];
  private readonly flights: Flight[] = [];
  private departs = false;

  /** The keys of waiting calls, without coalescing. */
  private readonly waitingKeys: Set<string> | undefined;

  /** @param send sends runs as one script call, and returns what tells their callers; never fails */
  constructor(
    private readonly send: (runs: readonly Run[]) => Promise<Tell>,
    private readonly options: LaneOptions,
  ) {
    if (!options.coalesce) this.waitingKeys = new Set();
  }

  join(call: QueuedCall): void {
    if (this.flights.length === 0 && this.waiting.length === 0) {
      void this.depart([new Run(call)], 1, call.expiresMs);
      return;
    }
    if (this.waitingKeys !== undefined) this.keepApart(this.waitingKeys, call);
    this.waiting.push(call);
    const oldest = this.flights[0];
    // A script call without an answer at the deadline must not delay the others.
    if (oldest !== undefined && oldest.expiresMs < performance.now()) this.flights.shift();
    this.scheduleDeparture();
  }

  /**
   * A call of a key that already waits belongs to the next script call: earlier calls are sent now, even above the
   * maximum.
   */
  private keepApart(keys: Set<string>, { charges }: QueuedCall): void {
    if (charges.some(({ key }) => keys.has(key))) {
      while (this.waiting.length > 0) this.departTogether(this.waiting.length);
    }
    for (const { key } of charges) keys.add(key);
  }

  /** Waits until all calls of this turn of the event loop have joined. */
  private scheduleDeparture(): void {
    if (this.departs || this.flights.length >= this.options.maxFlights || this.waiting.length === 0) return;
    this.departs = true;
    afterInput(() => {
      this.departs = false;
      while (this.waiting.length > 0 && this.flights.length < this.options.maxFlights)
        this.departTogether(this.fairShare());
      this.tellIfIdle();
    });
  }

  /** Half of many calls, so that one script call runs while the other is in flight. */
  private fairShare(): number {
    if (this.waiting.length <= FEW) return this.waiting.length;
    const onTheirWay = this.flights.reduce((sum, { calls }) => sum + calls, 0);
    return Math.ceil((this.waiting.length + onTheirWay) / this.options.maxFlights);
  }

  private departTogether(most: number): void {
    const runs: Run[] = [];
    /** The last run of a key: a further call may only join that one. */
    const latest = new Map<string, Run>();
    let taken = 0;
    let expiresMs = 0;
    for (const call of this.waiting) {
      if (taken === most) break;
      if (isGivenUp(call)) {
        taken += 1;
        continue;
      }
      const key = call.charges[0]?.key ?? '';
      const run = latest.get(key);
      if (run !== undefined && canRun(call) && continues(run, call)) {
        run.calls.push(call);
      } else {
        if (runs.length === MAX_RUNS) break;
        const own = new Run(call);
        runs.push(own);
        for (const charge of call.charges) latest.set(charge.key, own);
      }
      expiresMs = Math.max(expiresMs, call.expiresMs);
      taken += 1;
    }
    const left = this.waiting.splice(0, taken);
    if (this.waitingKeys !== undefined)
      for (const { charges } of left) for (const { key } of charges) this.waitingKeys.delete(key);
    if (runs.length > 0) void this.depart(runs, taken, expiresMs);
  }

  private async depart(runs: readonly Run[], calls: number, expiresMs: number): Promise<void> {
    const flight: Flight = { calls, expiresMs };
    this.flights.push(flight);
    const tell = await this.send(runs);
    const place = this.flights.indexOf(flight);
    if (place >= 0) this.flights.splice(place, 1);
    this.scheduleDeparture();
    this.tellIfIdle();
    // Last, so that a caller who calls again at once does not wait for this script call.
    tell();
  }

  private tellIfIdle(): void {
    if (this.flights.length === 0 && this.waiting.length === 0) this.options.whenIdle?.();
  }
}

/**
 * Rejects a call whose caller gave up: it is not sent, and nothing is charged. A passed deadline is not a reason,
 * because callers get a longer one after the process was suspended.
 */
function isGivenUp(call: QueuedCall): boolean {
  const { signal } = call;
  if (signal?.aborted !== true) return false;
  call.reject(WithdrawnError.of(signal.reason));
  return true;
}
