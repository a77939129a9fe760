import type {
  Backend,
  BackendCapabilities,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../contracts/backend.js';
import type { CircuitBreakerOptions } from '../contracts/breaker.js';
import { BackendUnavailableError } from '../contracts/errors.js';
import type { MaybePromise } from '../contracts/maybe-promise.js';
import type { Duration } from '../contracts/policy.js';
import { memoryBackend } from '../backends/memory/memory.backend.js';
import { parseDuration } from '../policies/duration.js';
import { CLEAR, type Clearable } from '../contracts/clearable.js';

/**
 * What a faulty backend does with one call: it works; it fails like a store that refuses connections; it never answers;
 * it answers late, after this real time; or it throws this error.
 */
export type BackendBehaviour = 'work' | 'fail' | 'hang' | { readonly slow: Duration } | Error;

/** Options of `faultyBackend()`. */
export interface FaultyBackendOptions {
  /** The backend that does the work. Default: `memoryBackend()`. */
  readonly backend?: Backend;
  /** The name in decisions, health and events. Default: the name of `backend`. */
  readonly name?: string;
}

/**
 * A backend that fails on demand in a test; until then it works.
 *
 * @example
 * const backend = faultyBackend();
 * RateLimitModule.forRoot({ backend, failureMode: 'open' });
 * backend.fail();
 */
export function faultyBackend(options: FaultyBackendOptions = {}): FaultyBackend {
  return new FaultyBackend(options.backend ?? memoryBackend(), options.name);
}

/** The backend behind `faultyBackend()`. */
export class FaultyBackend implements Backend, Clearable {
  readonly name: string;
  readonly capabilities?: BackendCapabilities;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /**
   * Number of calls that reached it: none while a circuit is open. Pings do not count, and are not steps of a script.
   */
  calls = 0;
  private steps: readonly BackendBehaviour[] = ['work'];
  private step = 0;
  private loop = false;
  private readonly pauses = new Map<NodeJS.Timeout, () => void>();

  constructor(
    private readonly inner: Backend,
    name?: string,
  ) {
    this.name = name ?? inner.name;
    if (inner.capabilities !== undefined) this.capabilities = inner.capabilities;
    if (inner.circuitBreaker !== undefined) this.circuitBreaker = inner.circuitBreaker;
  }

  /** Every further call works. */
  work(): void {
    this.script(['work']);
  }

  /** Every further call fails. @param error default: an outage; any other error counts as a bug */
  fail(error?: Error): void {
    this.script([error ?? 'fail']);
  }

  /** No further call is answered: each reaches its deadline. */
  hang(): void {
    this.script(['hang']);
  }

  /** Every further call is answered late. @param by ms of real time, or text such as `'300ms'` */
  slow(by: Duration): void {
    this.script([{ slow: by }]);
  }

  /** Starts a list of behaviours, one for each call; the last one stays. */
  script(steps: readonly BackendBehaviour[]): void {
    this.begin(steps, false);
  }

  /** The same list, repeated without end. */
  flap(steps: readonly BackendBehaviour[] = ['fail', 'work']): void {
    this.begin(steps, true);
  }

  consume(request: ConsumeRequest): MaybePromise<Reply> {
    return this.behave(() => this.inner.consume(request));
  }

  peek(request: BackendRequest): MaybePromise<Reply> {
    return this.behave(() => this.inner.peek(request));
  }

  refund(request: RefundRequest): MaybePromise<void> {
    return this.behave(() => this.inner.refund(request));
  }

  renew(request: RenewRequest): MaybePromise<void> {
    return this.behave(() => this.inner.renew?.(request));
  }

  reset(request: BackendRequest): MaybePromise<void> {
    return this.behave(() => this.inner.reset(request));
  }

  ping(signal: AbortSignal): MaybePromise<void> {
    return this.as(this.current, () => this.inner.ping(signal));
  }

  open(): void {
    this.inner.open?.();
  }

  close(): void | Promise<void> {
    for (const [timer, resume] of this.pauses) {
      clearTimeout(timer);
      resume();
    }
    this.pauses.clear();
    return this.inner.close();
  }

  onEviction(listener: (evicted: number) => void): void {
    this.inner.onEviction?.(listener);
  }

  /** Removes all counters, works again and counts calls from 0. */
  [CLEAR](): boolean {
    this.work();
    this.calls = 0;
    return (this.inner as Partial<Clearable>)[CLEAR]?.() ?? false;
  }

  private begin(steps: readonly BackendBehaviour[], loop: boolean): void {
    if (steps.length === 0)
      throw new Error("script() and flap() need at least one behaviour, such as ['fail', 'work'].");
    this.steps = steps;
    this.step = 0;
    this.loop = loop;
  }

  private behave<T>(work: () => MaybePromise<T>): MaybePromise<T> {
    const { current } = this;
    this.calls += 1;
    this.step = this.loop ? (this.step + 1) % this.steps.length : Math.min(this.step + 1, this.steps.length - 1);
    return this.as(current, work);
  }

  private get current(): BackendBehaviour {
    return this.steps[this.step] as BackendBehaviour;
  }

  private as<T>(behaviour: BackendBehaviour, work: () => MaybePromise<T>): MaybePromise<T> {
    if (behaviour === 'work') return work();
    if (behaviour === 'hang') return new Promise<T>(() => undefined);
    if (behaviour === 'fail') throw this.outage();
    if (behaviour instanceof Error) throw behaviour;
    return this.pause(parseDuration('slow', behaviour.slow)).then(work);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.pauses.delete(timer);
        resolve();
      }, ms);
      this.pauses.set(timer, resolve);
    });
  }

  private outage(): BackendUnavailableError {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    return new BackendUnavailableError({ backend: this.name, cause });
  }
}
