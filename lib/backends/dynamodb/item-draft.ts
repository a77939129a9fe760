import type { CounterState } from '../../algorithms/algorithm.js';
import { decide } from '../../algorithms/counter.js';
import { compact } from '../../algorithms/sliding-log.js';
import type { Policy } from '../../contracts/policy.js';
import { counterId, type StoredCounter, type SubjectItem } from './subject-item.js';

interface Change {
  readonly policy: Policy;
  readonly state: CounterState | undefined;
}

/** What calls make of the items of their subjects, before it is written. */
export class ItemDraft {
  private readonly changes = new Map<string, Map<string, Change>>();

  constructor(private readonly items: ReadonlyMap<string, SubjectItem>) {}

  /** Subjects whose items have to be written. */
  get changed(): readonly string[] {
    return [...this.changes.keys()];
  }

  find(subject: string, policy: Policy): CounterState | undefined {
    const id = counterId(policy);
    const change = this.changes.get(subject)?.get(id);
    return change === undefined ? this.items.get(subject)?.counters.get(id)?.state : change.state;
  }

  /** Replaces what `find` found; the very same state is no change. */
  store(subject: string, policy: Policy, state: CounterState | undefined): void {
    if (state === this.find(subject, policy)) return;
    const changes = this.changes.get(subject);
    const id = counterId(policy);
    if (changes === undefined) this.changes.set(subject, new Map([[id, { policy, state }]]));
    else changes.set(id, { policy, state });
  }

  /** The counters of a changed subject as they are to be written. */
  countersOf(subject: string, nowMs: number): ReadonlyMap<string, StoredCounter> {
    const counters = new Map(this.items.get(subject)?.counters);
    for (const [id, { policy, state }] of this.changes.get(subject) ?? []) {
      if (state === undefined) counters.delete(id);
      else counters.set(id, kept(state, policy, nowMs));
    }
    return counters;
  }
}

function kept(state: CounterState, policy: Policy, nowMs: number): StoredCounter {
  const { resetAfterMs } = decide(state, policy, 0, false, nowMs).status;
  return { state: policy.algorithm === 'sliding-log' ? compact(state) : state, keptUntilMs: nowMs + resetAfterMs };
}
