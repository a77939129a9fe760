/** Work on one subject or several. */
export interface Turn {
  readonly subjects: readonly string[];
}

/** Most subjects that are worked on together: fewer than a transaction may write. */
const MAX_SUBJECTS = 50;

/**
 * Lets one batch at a time work on a subject. Calls that arrive meanwhile wait, and are then served together, in order
 * of arrival. So callers of one key in a process share a write, and do not make each other's writes fail.
 */
export class SubjectTurns<T extends Turn> {
  private readonly busy = new Set<string>();
  private waiting: T[] = [];
  /** How many of those that wait want a subject. */
  private readonly wanted = new Map<string, number>();

  /** @param serve works on a batch, and can ask whether others wait for its subjects; must not reject */
  constructor(private readonly serve: (batch: readonly T[], isWanted: () => boolean) => Promise<void>) {}

  add(turn: T): void {
    const free = turn.subjects.every((subject) => !this.busy.has(subject) && !this.wanted.has(subject));
    for (const subject of turn.subjects) this.wanted.set(subject, (this.wanted.get(subject) ?? 0) + 1);
    if (free) this.start([turn]);
    else this.waiting.push(turn);
  }

  private start(batch: readonly T[]): void {
    const subjects = new Set(batch.flatMap((turn) => turn.subjects));
    for (const subject of subjects) this.busy.add(subject);
    for (const subject of batch.flatMap((turn) => turn.subjects)) this.unwant(subject);
    void this.serve(batch, () => [...subjects].some((subject) => this.wanted.has(subject))).finally(() => {
      for (const subject of subjects) this.busy.delete(subject);
      this.startWaiting();
    });
  }

  /** Starts all who wait for nobody; those who share subjects join. Nobody overtakes an earlier one on a subject. */
  private startWaiting(): void {
    const taken = new Set(this.busy);
    const batches = new Batches<T>(MAX_SUBJECTS);
    this.waiting = this.waiting.filter((turn) => {
      const joined = !turn.subjects.some((subject) => taken.has(subject)) && batches.take(turn);
      if (!joined) for (const subject of turn.subjects) taken.add(subject);
      return !joined;
    });
    for (const batch of batches.all) this.start(batch);
  }

  private unwant(subject: string): void {
    const left = (this.wanted.get(subject) ?? 1) - 1;
    if (left === 0) this.wanted.delete(subject);
    else this.wanted.set(subject, left);
  }
}

/** Turns, grouped so that no two groups share a subject. */
class Batches<T extends Turn> {
  private readonly bySubject = new Map<string, Batch<T>>();
  private readonly batches: Batch<T>[] = [];

  constructor(private readonly maxSubjects: number) {}

  get all(): readonly (readonly T[])[] {
    return this.batches.map(({ turns }) => turns);
  }

  /** Whether the turn found a place: it shares subjects with one batch at most, and that has room. */
  take(turn: T): boolean {
    const sharing = new Set(turn.subjects.flatMap((subject) => this.bySubject.get(subject) ?? []));
    if (sharing.size > 1) return false;
    const [batch = this.begin()] = sharing;
    const added = turn.subjects.filter((subject) => !batch.subjects.has(subject));
    if (batch.turns.length > 0 && batch.subjects.size + added.length > this.maxSubjects) return false;
    batch.turns.push(turn);
    for (const subject of added) {
      batch.subjects.add(subject);
      this.bySubject.set(subject, batch);
    }
    return true;
  }

  private begin(): Batch<T> {
    const batch: Batch<T> = { turns: [], subjects: new Set() };
    this.batches.push(batch);
    return batch;
  }
}

interface Batch<T> {
  readonly turns: T[];
  readonly subjects: Set<string>;
}
