import type { Backend } from '../contracts/backend.js';
import type { MaybePromise } from '../contracts/maybe-promise.js';

/** Applications of this process that use a backend. */
const USERS = new WeakMap<Backend, number>();

/** Backends that one of them has opened. */
const OPENED = new WeakSet<Backend>();

/** The use of a backend by one application. Several applications of this process can share a backend. */
export class BackendUse {
  private stage: 'new' | 'joined' | 'open' | 'closed' = 'new';
  private forgetConnections = (): void => undefined;

  /** @param onConnected called for each new connection while the backend is in use */
  constructor(
    private readonly backend: Backend,
    private readonly onConnected: () => void,
  ) {}

  get isOpen(): boolean {
    return this.stage === 'open';
  }

  /** The application has started: the backend stays open until the application ends. Opens nothing. */
  join(): void {
    if (this.stage !== 'new') return;
    this.stage = 'joined';
    USERS.set(this.backend, (USERS.get(this.backend) ?? 0) + 1);
  }

  /** The application listens, or its first call has come. Does nothing after the application has ended. */
  open(): void {
    this.join();
    if (this.stage !== 'joined') return;
    this.stage = 'open';
    this.forgetConnections = this.backend.onConnected?.(this.onConnected) ?? this.forgetConnections;
    if (OPENED.has(this.backend)) return;
    OPENED.add(this.backend);
    this.backend.open?.();
  }

  /** The application ends; the last one closes the backend. */
  close(): MaybePromise<void> {
    const { stage } = this;
    if (stage === 'closed') return;
    this.stage = 'closed';
    this.forgetConnections();
    const users = (USERS.get(this.backend) ?? 0) - (stage === 'new' ? 0 : 1);
    USERS.set(this.backend, users);
    if (users > 0) return;
    OPENED.delete(this.backend);
    return this.backend.close();
  }
}
