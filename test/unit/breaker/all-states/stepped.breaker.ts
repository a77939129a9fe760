import { Breaker, type BreakerOptions } from '../../../../lib/breaker/breaker.js';
import { CallPermit } from '../../../../lib/breaker/call.permit.js';
import type { Admission, CircuitState } from '../../../../lib/breaker/circuit.state.js';
import type { BreakerTransition } from '../../../../lib/contracts/breaker.js';

/** The real breaker, which can be put into any of its states at any time, and tells what it did. */
export class SteppedBreaker extends Breaker {
  private atMs = 0;
  private heard: BreakerTransition[] = [];

  constructor(options: BreakerOptions) {
    super(options);
    // Not through the options: a breaker reads its clock as one that never steps back.
    this.settings = { ...this.settings, clock: () => this.atMs };
    this.onTransition((transition) => this.heard.push(transition));
  }

  /** Goes on from this state at this time. */
  put(state: CircuitState, nowMs: number): void {
    this.state = state;
    this.atMs = nowMs;
    this.lateOutcomes = 0;
    this.heard = [];
  }

  get present(): CircuitState {
    return this.state;
  }

  get transitions(): readonly BreakerTransition[] {
    return this.heard;
  }

  /** What the outcome of a call that begins now has to show; `undefined`: the call is rejected. */
  begin(): Admission | undefined {
    return this.acquire()?.['admission'];
  }

  /** Ends a call, or lets it give its first value: answers what its later outcome has to show. */
  end(admission: Admission, verb: 'success' | 'failure' | 'release' | 'value'): Admission | undefined {
    const permit = new CallPermit(this, admission, Number.NaN);
    if (verb === 'value') permit.firstValue('fine');
    else if (verb === 'failure') permit.failure(DOWN);
    else permit[verb]();
    return permit['admission'];
  }
}

const DOWN = new Error('down');
