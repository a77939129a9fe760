import type { Socket } from 'node:net';

/** What becomes of bytes on their way: they go on, wait, or are lost. */
export type Passage = 'open' | 'held' | 'lost';

/** The state of the way, asked at every step. */
export interface Way {
  readonly passage: Passage;
  readonly latencyMs: number;
}

/** Beyond this, a sender has to wait, as it would for a full window. */
const HIGH_WATER_BYTES = 1_048_576;

interface Parcel {
  readonly dueMs: number;
  /** Empty: the sender has ended. */
  readonly bytes: Buffer;
}

/** One direction of a proxied connection: takes what one socket sends to another, late, never, or in order. */
export class ProxiedFlow {
  /** Whether any bytes were lost: the connection can never be right again. */
  broken = false;
  #to: Socket | undefined;
  #queue: Parcel[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Bytes that were taken and are still to be delivered. */
  get bytesUnderWay(): number {
    return this.#queuedBytes;
  }

  constructor(
    private readonly from: Socket,
    private readonly way: Way,
    received: (bytes: number) => void,
  ) {
    from.on('data', (bytes: Buffer) => {
      received(bytes.length);
      this.#take(bytes);
    });
    from.on('end', () => this.#take(Buffer.alloc(0)));
    from.on('close', () => clearTimeout(this.#timer));
  }

  /** Sets where it flows to. Until then, bytes wait. */
  into(to: Socket): void {
    this.#to = to;
    to.on('drain', () => this.advance());
    this.advance();
  }

  /** Lets go on what may go on by now. */
  advance(): void {
    clearTimeout(this.#timer);
    if (this.way.passage === 'lost') return this.#lose();
    const to = this.#to;
    if (this.way.passage === 'held' || !to) return;

    const nowMs = performance.now();
    let head = this.#queue[0];
    while (head && head.dueMs <= nowMs && !to.writableNeedDrain) {
      this.#queue.shift();
      this.#queuedBytes -= head.bytes.length;
      if (head.bytes.length === 0) to.end();
      else to.write(head.bytes);
      head = this.#queue[0];
    }
    if (head && !to.writableNeedDrain) this.#timer = setTimeout(() => this.advance(), head.dueMs - nowMs);
    if (this.#queuedBytes < HIGH_WATER_BYTES) this.from.resume();
  }

  #take(bytes: Buffer): void {
    this.#queue.push({ dueMs: performance.now() + this.way.latencyMs, bytes });
    this.#queuedBytes += bytes.length;
    if (this.#queuedBytes >= HIGH_WATER_BYTES) this.from.pause();
    this.advance();
  }

  #lose(): void {
    this.broken ||= this.#queue.length > 0;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.from.resume();
  }
}
