/** The policies of a route, for `BackendService`. Created by `routeLimits()`. */
export interface RouteLimits {
  readonly kind: 'route-limits';
  /** The class of the route's handler. */
  readonly type: abstract new (...args: never[]) => unknown;
  /** The name of the handler. */
  readonly method: string;
  /** The names of the chosen policies. `undefined`: all policies of the route. */
  readonly names: readonly string[] | undefined;
}
