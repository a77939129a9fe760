type Step = IteratorResult<unknown, unknown>;

/** The observer of an iteration. */
export interface IterationWatch {
  /** It is read for the first time. */
  readonly onBegin: () => void;
  /** It is over: at its last value, by an error, or because its reader leaves. It may be called more than once. */
  readonly onEnd: () => void;
}

/** An iteration that tells when it begins and when it is over. */
export class WatchedIteration implements AsyncIterableIterator<unknown, unknown, unknown> {
  private begun = false;

  constructor(
    private readonly source: AsyncIterator<unknown, unknown, unknown>,
    private readonly watch: IterationWatch,
  ) {}

  async next(...sent: [] | [unknown]): Promise<Step> {
    if (!this.begun) this.watch.onBegin();
    this.begun = true;
    return this.step(() => this.source.next(...sent));
  }

  /** The reader leaves. It does not wait for a value that is on its way, so neither does the end. */
  async return(value?: unknown): Promise<Step> {
    this.watch.onEnd();
    return (await this.source.return?.(value)) ?? { done: true, value };
  }

  async throw(error?: unknown): Promise<Step> {
    const { source } = this;
    if (source.throw === undefined) {
      await this.return();
      throw error;
    }
    return this.step(async () => source.throw?.(error) as Promise<Step>);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private async step(ask: () => Promise<Step>): Promise<Step> {
    try {
      const step = await ask();
      if (step.done === true) this.watch.onEnd();
      return step;
    } catch (error) {
      this.watch.onEnd();
      throw error;
    }
  }
}
