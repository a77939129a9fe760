/** A value, or the promise of one. The limiter waits only where it has to: memory decides within the call. */
export type MaybePromise<T> = T | Promise<T>;

export const isPromise = <T>(value: MaybePromise<T>): value is Promise<T> =>
  // Texts and booleans, which most values are, are not asked for a property.
  (typeof value === 'object' || typeof value === 'function') &&
  typeof (value as { then?: unknown } | null)?.then === 'function';

/** Goes on with a value, at once if it is there. */
export const when = <T, R>(value: MaybePromise<T>, then: (value: T) => MaybePromise<R>): MaybePromise<R> =>
  isPromise(value) ? value.then(then) : then(value);

/**
 * Asks for a value of each item. What one throws while another's promise is pending comes as a rejection too: it must
 * not leave that promise behind, with nobody to handle what becomes of it.
 */
export const askAll = <I, T>(items: readonly I[], ask: (item: I) => MaybePromise<T>): MaybePromise<T>[] =>
  items.map((item) => {
    try {
      return ask(item);
    } catch (error) {
      return Promise.reject(error);
    }
  });

/** Goes on with all of several values, at once if all are there. */
export const whenAll = <T, R>(
  values: readonly MaybePromise<T>[],
  then: (values: readonly T[]) => MaybePromise<R>,
): MaybePromise<R> => (values.some(isPromise) ? Promise.all(values).then(then) : then(values as readonly T[]));
