/** Where server-sent events go: a response, as far as it is needed. */
export interface EventSink {
  write(chunk: string): boolean;
  end(): void;
  on(event: 'close' | 'error' | 'drain', listener: () => void): unknown;
}

const INTERVAL_MS = 1_000;
/** After how long a browser that lost the stream asks again. */
const RETRY_MS = 2_000;

/** Server-sent events for everybody who watches: one timer, and one text for all; nothing while nobody watches. */
export class EventStreams {
  /** Each sink, and whether it accepts more: a slow reader gets nothing until it has caught up. */
  private readonly sinks = new Map<EventSink, boolean>();
  private timer: NodeJS.Timeout | undefined;
  private ended = false;

  /** @param next what is sent each second */
  constructor(private readonly next: () => unknown) {}

  /** @param first what it is sent at once */
  add(sink: EventSink, first: unknown): void {
    if (this.ended) return sink.end();
    const remove = (): void => this.remove(sink);
    sink.on('close', remove);
    sink.on('error', remove);
    sink.on('drain', () => this.sinks.has(sink) && this.sinks.set(sink, true));
    this.sinks.set(sink, sink.write(`retry: ${RETRY_MS}\n${textOf('state', first)}`));
    this.timer ??= setInterval(() => this.send(), INTERVAL_MS).unref();
  }

  /** Ends all streams, and those to come. */
  end(): void {
    this.ended = true;
    for (const sink of this.sinks.keys()) {
      this.remove(sink);
      sink.end();
    }
  }

  private send(): void {
    const text = textOf('tick', this.next());
    for (const [sink, ready] of this.sinks) if (ready) this.sinks.set(sink, sink.write(text));
  }

  private remove(sink: EventSink): void {
    this.sinks.delete(sink);
    if (this.sinks.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

const textOf = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
