import { isUnavailable } from '../contracts/errors.js';
import type { BackendCallOutcome, BackendVerb } from '../contracts/events.js';
import { isPromise, type MaybePromise } from '../contracts/maybe-promise.js';
import { isTraced, traced } from './channels.js';
import type { RateLimitEvents } from './rate-limit-events.js';

/** Reports the calls to one backend: to listeners when a call has ended, to agents while it runs. */
export class BackendCalls {
  constructor(
    private readonly events: RateLimitEvents,
    private readonly backend: string,
  ) {}

  /** Whether there is a listener; otherwise a call need not be timed. */
  get heard(): boolean {
    return this.events.heard || isTraced();
  }

  /** Makes a call and reports its end. */
  make<T>(verb: BackendVerb, ask: () => MaybePromise<T>): MaybePromise<T> {
    return isTraced() ? traced({ backend: this.backend, verb }, () => this.timed(verb, ask)) : this.timed(verb, ask);
  }

  private timed<T>(verb: BackendVerb, ask: () => MaybePromise<T>): MaybePromise<T> {
    const startedMs = performance.now();
    try {
      const answer = ask();
      if (!isPromise(answer)) {
        this.tell(verb, 'success', startedMs);
        return answer;
      }
      return answer.then(
        (value) => {
          this.tell(verb, 'success', startedMs);
          return value;
        },
        (error: unknown) => {
          this.tell(verb, outcomeOf(error), startedMs);
          throw error;
        },
      );
    } catch (error) {
      this.tell(verb, outcomeOf(error), startedMs);
      throw error;
    }
  }

  private tell(verb: BackendVerb, outcome: BackendCallOutcome, startedMs: number): void {
    const durationMs = performance.now() - startedMs;
    this.events.emit({ kind: 'backend-call', backend: this.backend, verb, outcome, durationMs });
  }
}

const outcomeOf = (error: unknown): BackendCallOutcome => (isUnavailable(error) ? 'failure' : 'error');
