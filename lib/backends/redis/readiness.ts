import { untilAborted } from '../../contracts/until-aborted.js';
import type { RedisClient } from './ioredis-client.js';

/** A client has no connection, and does not connect at the moment. */
export class RedisDisconnectedError extends Error {
  override readonly name = 'RedisDisconnectedError';
  /** The code of the cause, if known: `ECONNREFUSED`. */
  readonly code: string | undefined;

  constructor(status: string, cause: Error | undefined) {
    super(`No connection to Redis: ${status}`, { cause });
    const { code } = (cause ?? {}) as { code?: unknown };
    this.code = typeof code === 'string' ? code : undefined;
  }
}

/**
 * Waits for a client's connection. Otherwise commands would wait in its queue, longer than their callers.
 *
 * All waiting calls share one listener for each event; it is removed with the last call.
 */
export class Readiness {
  private readonly waiting = new Set<(error?: Error) => void>();

  /**
   * @param lastError the reason for a missing connection, if known
   * @param connect connects a client that is not connected yet
   */
  constructor(
    private readonly client: RedisClient,
    private readonly lastError: () => Error | undefined = () => undefined,
    private readonly connect: () => void = () => void client.connect().catch(ignore),
  ) {}

  /** Whether commands can be sent now. */
  get isReady(): boolean {
    return this.client.status === 'ready';
  }

  /**
   * Resolves as soon as the client is ready. Connects a client that waits for `connect()`.
   *
   * @throws RedisDisconnectedError if the connection is down and no attempt is under way, or as soon as it has failed
   * @throws the signal's reason when it aborts
   */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.client.status === 'wait') this.connect();
    switch (this.client.status) {
      case 'ready':
        return;
      case 'wait':
      case 'connecting':
      case 'connect':
        return this.next(signal);
      default:
        throw this.disconnected();
    }
  }

  private async next(signal: AbortSignal): Promise<void> {
    let settle: (error?: Error) => void = ignore;
    const attempt = new Promise<void>((resolve, reject) => {
      settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.join(settle);
    try {
      await untilAborted(attempt, signal);
    } finally {
      this.leave(settle);
    }
  }

  private join(settle: (error?: Error) => void): void {
    if (this.waiting.size === 0) {
      this.client.on('ready', this.succeed);
      this.client.on('close', this.fail);
      this.client.on('end', this.fail);
    }
    this.waiting.add(settle);
  }

  private leave(settle: (error?: Error) => void): void {
    this.waiting.delete(settle);
    if (this.waiting.size > 0) return;
    this.client.off('ready', this.succeed);
    this.client.off('close', this.fail);
    this.client.off('end', this.fail);
  }

  private disconnected(): RedisDisconnectedError {
    return new RedisDisconnectedError(this.client.status, this.lastError());
  }

  private readonly succeed = (): void => this.waiting.forEach((settle) => settle());

  /** The running connection attempt has failed. */
  readonly fail = (): void => {
    const error = this.disconnected();
    this.waiting.forEach((settle) => settle(error));
  };
}

function ignore(): void {
  // The client's status and events report the result.
}
