/** What a client got: an answer, 429, 503, or something else. */
export type Outcome = 'answered' | 'limited' | 'unavailable' | 'failed';

export type Counts = Readonly<Record<Outcome, number>>;

const NONE: Counts = { answered: 0, limited: 0, unavailable: 0, failed: 0 };

/** The worst first, each with its letter in a strip. */
const LETTERS: readonly (readonly [Outcome, string])[] = [
  ['failed', 'f'],
  ['unavailable', 'u'],
  ['limited', 'l'],
  ['answered', 'a'],
];

const STRIP_SECONDS = 60;
const RECENT_SECONDS = 10;

export function outcomeOf(status: number): Outcome {
  if (status === 429) return 'limited';
  if (status === 503) return 'unavailable';
  return status >= 200 && status < 400 ? 'answered' : 'failed';
}

export const sumOf = (all: readonly (Counts | undefined)[]): Counts =>
  all.reduce<Counts>(
    (sum, one = NONE) => ({
      answered: sum.answered + one.answered,
      limited: sum.limited + one.limited,
      unavailable: sum.unavailable + one.unavailable,
      failed: sum.failed + one.failed,
    }),
    NONE,
  );

/** What one client got in the last minute. */
export class Answers {
  private readonly seconds = new Map<number, Counts>();

  add(outcome: Outcome, nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const counts = this.seconds.get(second) ?? NONE;
    this.seconds.set(second, { ...counts, [outcome]: counts[outcome] + 1 });
    for (const old of this.seconds.keys()) if (old <= second - STRIP_SECONDS) this.seconds.delete(old);
  }

  /**
   * A letter for each of the last sixty seconds, the present one last: that of the worst outcome, a capital if other
   * calls were answered, or `-` if there were none.
   */
  strip(nowMs: number): string {
    return this.last(STRIP_SECONDS, nowMs)
      .map((counts) => letterOf(counts))
      .join('');
  }

  /** The last ten seconds. */
  recent(nowMs: number): Counts {
    return sumOf(this.last(RECENT_SECONDS, nowMs));
  }

  private last(count: number, nowMs: number): readonly (Counts | undefined)[] {
    const first = Math.floor(nowMs / 1_000) - count + 1;
    return Array.from({ length: count }, (_none, index) => this.seconds.get(first + index));
  }
}

function letterOf(counts = NONE): string {
  const [worst, letter] = LETTERS.find(([outcome]) => counts[outcome] > 0) ?? [undefined, '-'];
  return worst !== 'answered' && counts.answered > 0 ? letter.toUpperCase() : letter;
}
