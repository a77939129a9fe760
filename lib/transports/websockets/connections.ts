import { resemble } from '../../breaker/resemblance.js';

/** What a gateway does when a client connects; Nest calls it once for each. */
type Connect = (this: object, client: object, ...args: unknown[]) => unknown;

/** Decides whether a client may connect; calls `connect` if so. */
export type ConnectionGuard = (gateway: object, client: object, args: unknown[], connect: () => unknown) => unknown;

interface Gateway {
  handleConnection?: Connect;
}

/** The guards of gateways. An application claims its own: a class is wrapped once for all applications of a process. */
const guards = new WeakMap<object, ConnectionGuard>();

const WRAPPERS = new WeakSet<object>();

/**
 * Puts a guard before what a gateway does when a client connects: Nest binds none there. It must be before Nest reads
 * `handleConnection`, and the class's instances are there later: `claim` says who guards them.
 */
export function guardConnections(type: { readonly prototype: object }): void {
  const gateway = type.prototype as Gateway;
  const original = gateway.handleConnection;
  if (original !== undefined && WRAPPERS.has(original)) return;
  const wrapper: Connect = function (this: object, client, ...args) {
    const connect = (): unknown => original?.call(this, client, ...args);
    const guard = guards.get(this);
    return guard === undefined ? connect() : guard(this, client, args, connect);
  };
  WRAPPERS.add(wrapper);
  // Decorators of the method hold for what wraps it.
  if (original !== undefined) resemble(wrapper, original);
  gateway.handleConnection = wrapper;
}

/** Makes a guard that of a gateway. */
export function claim(gateway: object, guard: ConnectionGuard): void {
  guards.set(gateway, guard);
}
