import type {
  Backend,
  BackendCapabilities,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  Reply,
} from '../../../../lib/contracts/backend.js';
import type { CircuitBreakerOptions } from '../../../../lib/contracts/breaker.js';
import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';

export interface ScriptedBackendOptions {
  readonly capabilities?: BackendCapabilities;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** Whether it answers by promises. Default false. */
  readonly async?: boolean;
}

/** A whole backend in memory, which a test lets fail as it likes, and which remembers what it was asked. */
export class ScriptedBackend implements Backend {
  readonly capabilities?: BackendCapabilities;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /** What every verb throws; `undefined`: it works. */
  error: unknown;
  /** Whether it never answers at all. */
  silent = false;
  /** Tells of new connections, where a test makes it. */
  onConnected?: (listener: () => void) => () => void;
  /** Whether it says that it has a connection. */
  connected = true;
  /** The verbs that it was asked, oldest first. */
  asked: string[] = [];
  /** The deadline of the latest call, in ms. */
  timeoutMs = 0;
  private readonly counters: Backend;
  private readonly async: boolean;

  constructor(
    readonly name: string,
    { capabilities, circuitBreaker, async = false }: ScriptedBackendOptions = {},
  ) {
    this.counters = memoryBackend({ name });
    this.async = async;
    if (capabilities !== undefined) this.capabilities = capabilities;
    if (circuitBreaker !== undefined) this.circuitBreaker = circuitBreaker;
  }

  consume(request: ConsumeRequest): Reply | Promise<Reply> {
    return this.answer('consume', request, () => this.counters.consume(request) as Reply);
  }

  peek(request: BackendRequest): Reply | Promise<Reply> {
    return this.answer('peek', request, () => this.counters.peek(request) as Reply);
  }

  refund(request: RefundRequest): void | Promise<void> {
    return this.answer('refund', request, () => void this.counters.refund(request));
  }

  reset(request: BackendRequest): void | Promise<void> {
    return this.answer('reset', request, () => void this.counters.reset(request));
  }

  ping(): void | Promise<void> {
    return this.answer('ping', { timeoutMs: this.timeoutMs }, () => undefined);
  }

  isConnected(): boolean {
    return this.connected;
  }

  close(): void | Promise<void> {
    return this.answer('close', { timeoutMs: this.timeoutMs }, () => undefined);
  }

  /** What it was asked since the last time. */
  drain(): string[] {
    return this.asked.splice(0);
  }

  private answer<T>(verb: string, { timeoutMs }: { readonly timeoutMs: number }, work: () => T): T | Promise<T> {
    this.asked.push(verb);
    this.timeoutMs = timeoutMs;
    if (this.silent) return new Promise<T>(() => undefined);
    return this.async ? Promise.resolve().then(() => this.outcome(work)) : this.outcome(work);
  }

  private outcome<T>(work: () => T): T {
    if (this.error !== undefined) throw this.error as Error;
    return work();
  }
}

/** An error of the network, as a driver throws it. */
export function refused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED 192.0.2.7:6379'), { code: 'ECONNREFUSED' });
}

/** One call that consumes of a policy of 10 units a minute, unless told otherwise. */
export function oneCall({ key = 'someone', cost = 1, limit = 10, timeoutMs = 1_000 } = {}): ConsumeRequest {
  const policy = testPolicy({ algorithm: 'fixed-window', limit, windowMs: 60_000 });
  return { charges: [{ key, policy, cost }], timeoutMs };
}
