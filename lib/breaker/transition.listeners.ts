import type { BreakerTransition, BreakerTransitionListener } from '../contracts/breaker.js';

/** Listeners are copied on write, so one that leaves while it is called disturbs nobody. */
export type TransitionListeners = readonly BreakerTransitionListener[];

/** One empty list for all breakers that nobody listens to. */
export const NOBODY: TransitionListeners = Object.freeze([]);

/** Tells everyone; what a listener throws, at once or later, harms neither the breaker nor the other listeners. */
export function notify(listeners: TransitionListeners, transition: BreakerTransition): void {
  for (const listener of listeners) {
    try {
      const answer: unknown = listener(transition);
      if (answer instanceof Promise) answer.catch(() => undefined);
    } catch {
      // Dropped: a breaker has nobody to tell but these listeners.
    }
  }
}
