import type { BreakerTransition, BreakerTransitionListener } from '../contracts/breaker.js';

/** Listeners are copied on write, so a listener can be removed while it is called. */
export type TransitionListeners = readonly BreakerTransitionListener[];

/** One empty list for all breakers without listeners. */
export const NOBODY: TransitionListeners = Object.freeze([]);

/** Calls all listeners. Their errors, also later ones, affect neither the breaker nor the other listeners. */
export function notify(listeners: TransitionListeners, transition: BreakerTransition): void {
  for (const listener of listeners) {
    try {
      const answer: unknown = listener(transition);
      if (answer instanceof Promise) answer.catch(() => undefined);
    } catch {
      // Ignored: a breaker can report to nobody else.
    }
  }
}
