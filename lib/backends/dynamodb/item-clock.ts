import type { Clock } from '../../contracts/breaker.js';
import type { SubjectItem } from './subject-item.js';

/** Largest lead of another process's clock that is believed, in ms. */
const MAX_LEAD_MS = 7_200_000;

/** The time of a decision, and whose clock told it. */
export interface ItemTime {
  readonly nowMs: number;
  readonly clock: string;
}

/**
 * The time at which an item is decided. DynamoDB has no clock to ask, so the process's own is used, but an item's time
 * never steps back from one process to another: if two processes with skewed clocks took turns, each turn would refill
 * a bucket by the skew. So the process that is behind uses the time of the last write until its own clock is there.
 *
 * What this process wrote itself is different: if that lies ahead, this clock has stepped back, and the algorithms know
 * how to go on from there.
 */
export class ItemClock {
  constructor(
    private readonly own: Clock,
    private readonly id: string,
  ) {}

  /** The time to decide at, for calls that read these items. */
  read(items: Iterable<SubjectItem>): ItemTime {
    const ownMs = Math.floor(this.own());
    let time: ItemTime = { nowMs: ownMs, clock: this.id };
    for (const { writtenAtMs, clock } of items) {
      if (clock !== this.id && writtenAtMs > time.nowMs && writtenAtMs - ownMs <= MAX_LEAD_MS) {
        time = { nowMs: writtenAtMs, clock };
      }
    }
    return time;
  }
}
