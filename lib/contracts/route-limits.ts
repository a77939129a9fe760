/** The policies that hold on a route, wherever `BackendService` takes policies; made by `routeLimits()`. */
export interface RouteLimits {
  readonly kind: 'route-limits';
  /** The class of the route's handler. */
  readonly type: abstract new (...args: never[]) => unknown;
  /** The name of the handler. */
  readonly method: string;
  /** Names of those that are meant. `undefined`: all that hold there. */
  readonly names: readonly string[] | undefined;
}
