import { type Backend, BackendUnavailableError, memoryBackend } from 'nestjs-floodgate';

/** Counts in memory until it is switched off. */
export class SwitchedBackend implements Backend {
  readonly name = 'switched';
  private readonly memory = memoryBackend();
  isOff = false;
  readonly consume: Backend['consume'] = (request) => this.whenOn(() => this.memory.consume(request));
  readonly peek: Backend['peek'] = (request) => this.whenOn(() => this.memory.peek(request));
  readonly refund: Backend['refund'] = (request) => this.memory.refund(request);
  readonly reset: Backend['reset'] = (request) => this.memory.reset(request);
  readonly ping: Backend['ping'] = (signal) => this.memory.ping(signal);
  readonly close: Backend['close'] = () => this.memory.close();

  private whenOn<T>(work: () => T): T {
    if (this.isOff) throw BackendUnavailableError.of({ backend: this.name, retryAfterMs: 1_000 });
    return work();
  }
}
