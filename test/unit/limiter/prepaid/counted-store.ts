import { MemoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import type {
  Backend,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  Reply,
} from '../../../../lib/contracts/backend.js';

/** A store that counts exactly, tells what it was asked, and answers when a test lets it. */
export class CountedStore implements Backend {
  readonly name = 'store';
  /** Verbs and costs, in order of arrival. */
  readonly asked: string[] = [];
  /** What each call waits for before it reaches the store, and what each answer waits for. */
  outbound: Promise<void> | undefined;
  inbound: Promise<void> | undefined;
  /** What each call fails with. */
  error: Error | undefined;
  /** The refusal that it knows. */
  recall: () => Reply | undefined = () => undefined;
  private readonly memory: MemoryBackend;

  constructor(clock: () => number) {
    this.memory = new MemoryBackend({ clock });
  }

  async consume(request: ConsumeRequest): Promise<Reply> {
    return this.asking(`consume ${costs(request)}`, () => this.memory.consume(request));
  }

  async peek(request: BackendRequest): Promise<Reply> {
    return this.asking('peek', () => this.memory.peek(request));
  }

  async refund(request: RefundRequest): Promise<void> {
    return this.asking(`refund ${costs(request)}`, () => this.memory.refund(request));
  }

  async reset(request: BackendRequest): Promise<void> {
    return this.asking('reset', () => this.memory.reset(request));
  }

  ping(): void {
    // It is there.
  }

  close(): void {
    // There is nothing to close.
  }

  private async asking<T>(what: string, answer: () => T): Promise<T> {
    const { outbound, inbound } = this;
    this.asked.push(what);
    await outbound;
    if (this.error !== undefined) throw this.error;
    const answered = answer();
    await inbound;
    return answered;
  }
}

const costs = ({ charges }: BackendRequest): string => charges.map(({ cost }) => cost).join('+');
