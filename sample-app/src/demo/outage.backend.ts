import { type Backend, BackendUnavailableError } from 'nestjs-floodgate';
import type { Outage } from './outage.js';

const VERBS: ReadonlySet<string | symbol> = new Set<keyof Backend>([
  'consume',
  'peek',
  'refund',
  'renew',
  'reset',
  'ping',
]);

/** A backend that fails while there is an outage, as one that has lost its server does. */
export function withOutage(backend: Backend, outage: Outage): Backend {
  const connection: Pick<Backend, 'isConnected' | 'onConnected'> = {
    isConnected: () => !outage.isOn,
    onConnected: (listener) => outage.onChange((isOn) => isOn || listener()),
  };
  const failing =
    (verb: (...args: unknown[]) => unknown) =>
    (...args: unknown[]): unknown => {
      if (outage.isOn) throw BackendUnavailableError.of({ backend: backend.name, cause: new SimulatedOutage() });
      return verb(...args);
    };
  // Whatever else it can do passes, its class included.
  return new Proxy(backend, {
    get(target, member) {
      if (member in connection) return connection[member as keyof typeof connection];
      const value: unknown = Reflect.get(target, member);
      if (typeof value !== 'function') return value;
      const method = value.bind(target) as (...args: unknown[]) => unknown;
      return VERBS.has(member) ? failing(method) : method;
    },
  });
}

/** What the log names as the reason. */
class SimulatedOutage extends Error {
  override readonly name = 'SimulatedOutage';
}
