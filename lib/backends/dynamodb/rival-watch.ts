import type { SubjectItem } from './subject-item.js';

/** How long another process counts as a rival after its write was seen, in ms. */
const RIVAL_MS = 5_000;

/** Share of writes after which others get a chance where no rival is known: one that never wins is never seen. */
const BLIND_SHARE = 0.25;

/** Longest pause, in ms. */
const MAX_PAUSE_MS = 50;

/**
 * Leaves other processes their turn. A process that writes an item again at once always knows its newest version, so
 * others would lose every race for it.
 */
export class RivalWatch {
  private seenMs = Number.NEGATIVE_INFINITY;

  /** @param writer what the versions of this process begin with */
  constructor(private readonly writer: string) {}

  /** Looks at an item that the store has told. */
  note({ version }: SubjectItem): void {
    if (version?.startsWith(`${this.writer}.`) === false) this.seenMs = performance.now();
  }

  /** How long to wait before the next write of a subject, after one that took so long: about as long, at random. */
  pauseMs(tookMs: number): number {
    const leavesTurn = performance.now() - this.seenMs < RIVAL_MS || Math.random() < BLIND_SHARE;
    return leavesTurn ? Math.random() * Math.min(2 * tookMs, MAX_PAUSE_MS) : 0;
  }
}
