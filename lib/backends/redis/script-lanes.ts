import { hashSlot } from './hash-slot.js';
import { type QueuedCall, Run, type Tell } from './queued-call.js';
import { ScriptLane } from './script-lane.js';
import { subjectKey } from './subject-key.js';

/** Which calls share script calls. */
export interface Sharing {
  /** Those of one key. */
  readonly coalesce: boolean;
  /** Those of different keys. */
  readonly batch: boolean;
}

/** For a lane of all keys: one script call in flight, and one that the server runs. */
const MAX_FLIGHTS = 2;

/** Finds the lane of a call: one for all keys, one for each slot of a Cluster, or one for each key. */
export class ScriptLanes {
  private readonly shared: ScriptLane;
  /** The lanes of slots or keys with calls. */
  private readonly lanes = new Map<number | string, ScriptLane>();
  private batch: boolean;

  /**
   * @param send sends runs as one script call, and returns what tells their callers; never fails
   * @param hasSlots whether only keys of one slot can share a script call
   */
  constructor(
    private readonly send: (runs: readonly Run[]) => Promise<Tell>,
    private readonly sharing: Sharing,
    private readonly hasSlots: boolean,
    private readonly keyPrefix: string,
  ) {
    this.batch = sharing.batch;
    this.shared = new ScriptLane(send, { maxFlights: MAX_FLIGHTS, coalesce: sharing.coalesce });
  }

  /** Sends a call, or lets it wait for earlier ones. */
  join(call: QueuedCall): void {
    if (this.batch && !this.hasSlots) this.shared.join(call);
    else if (this.batch || this.sharing.coalesce) this.laneOf(call).join(call);
    else void this.send([new Run(call)]).then((tell) => tell());
  }

  /** The server refuses script calls with different keys. */
  stopBatching(): void {
    this.batch = false;
  }

  private laneOf({ charges }: QueuedCall): ScriptLane {
    const key = charges[0]?.key ?? '';
    const name = this.batch ? hashSlot(subjectKey(this.keyPrefix, key)) : key;
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      const whenIdle = (): void => void this.lanes.delete(name);
      lane = new ScriptLane(this.send, { maxFlights: 1, coalesce: this.sharing.coalesce, whenIdle });
      this.lanes.set(name, lane);
    }
    return lane;
  }
}
