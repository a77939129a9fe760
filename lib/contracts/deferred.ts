type Reject = (reason: unknown) => void;

let resolveCreated: (value: never) => void;
let rejectCreated: Reject;

/** One function for all promises. A function for each would keep everything that it could refer to. */
function keep(resolve: (value: never) => void, reject: Reject): void {
  resolveCreated = resolve;
  rejectCreated = reject;
}

/** A promise that is settled from outside. */
export class Deferred<T> {
  readonly promise: Promise<T> = new Promise<T>(keep);
  readonly resolve = resolveCreated as (value: T) => void;
  readonly reject: Reject = rejectCreated;
}
