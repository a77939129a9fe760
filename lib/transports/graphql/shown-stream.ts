import { rethrowShown } from './outage-error.js';

type Step = IteratorResult<unknown, unknown>;

/** The stream of a subscription, whose errors name neither backend nor breaker. */
export class ShownStream implements AsyncIterableIterator<unknown, unknown, unknown> {
  private readonly iterator: AsyncIterator<unknown, unknown, unknown>;

  constructor(stream: AsyncIterable<unknown>) {
    this.iterator = stream[Symbol.asyncIterator]() as AsyncIterator<unknown, unknown, unknown>;
  }

  next(...sent: [] | [unknown]): Promise<Step> {
    return shown(() => this.iterator.next(...sent));
  }

  return(value?: unknown): Promise<Step> {
    return shown(async () => (await this.iterator.return?.(value)) ?? { done: true, value });
  }

  throw(error?: unknown): Promise<Step> {
    return shown(() => {
      if (this.iterator.throw === undefined) throw error;
      return this.iterator.throw(error);
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

async function shown(step: () => Promise<Step>): Promise<Step> {
  try {
    return await step();
  } catch (error) {
    return rethrowShown(error);
  }
}
