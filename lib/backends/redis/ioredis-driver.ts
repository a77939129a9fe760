import type { ScriptCommands, ScriptingClient, ScriptPipeline } from './ioredis-client.js';
import type { OwnedConnection } from './owned-connection.js';
import { Readiness } from './readiness.js';
import type { RedisDriver, Script, ScriptCall } from './redis-driver.js';

/** A client of ioredis: the backend's own, or the application's. */
export class IoredisDriver implements RedisDriver {
  readonly isCluster: boolean;
  private readonly readiness: Readiness;
  private readonly scripts: ScriptCommands<Promise<unknown>>;

  constructor(
    private readonly client: ScriptingClient,
    private readonly owned?: OwnedConnection,
  ) {
    this.isCluster = client.isCluster;
    this.scripts = this.isCluster && client.options?.enableAutoPipelining === true ? alone(client) : client;
    this.readiness =
      owned === undefined
        ? new Readiness(client)
        : new Readiness(
            client,
            () => owned.lastError,
            () => owned.open(),
          );
    if (owned !== undefined) owned.onFailure = this.readiness.fail;
  }

  get isReady(): boolean {
    return this.readiness.isReady;
  }

  /** A client that is not connected yet connects with the first call. */
  get isConnected(): boolean {
    return this.readiness.isReady || this.client.status === 'wait';
  }

  whenReady(signal: AbortSignal): Promise<void> {
    return this.readiness.wait(signal);
  }

  runByHash({ hash }: Script, { keys, parameters }: ScriptCall): Promise<unknown> {
    return this.heard(this.scripts.evalshaBuffer(hash, keys.length, ...keys, ...parameters));
  }

  runByText({ text }: Script, { keys, parameters }: ScriptCall): Promise<unknown> {
    return this.heard(this.scripts.evalBuffer(text, keys.length, ...keys, ...parameters));
  }

  onConnected(listener: () => void): () => void {
    // A new function for each call, so that the same listener can be added and removed twice.
    const tell = (): void => listener();
    this.client.on('ready', tell);
    return () => this.client.off('ready', tell);
  }

  open(): void {
    this.owned?.open();
  }

  async close(): Promise<void> {
    await this.owned?.close();
  }

  private heard(reply: Promise<unknown>): Promise<unknown> {
    if (this.owned !== undefined) {
      const { silence } = this.owned;
      silence.sent();
      reply.then(silence.answered, silence.answered);
    }
    return reply;
  }
}

/**
 * Sends each call separately. The automatic pipelines of ioredis up to 5.10 sort the commands of a Cluster by their
 * first argument, which is not a key here, and then reject the mixed commands.
 */
function alone(client: ScriptingClient): ScriptCommands<Promise<unknown>> {
  return {
    evalshaBuffer: (...call) => replyOf(client.pipeline().evalshaBuffer(...call)),
    evalBuffer: (...call) => replyOf(client.pipeline().evalBuffer(...call)),
  };
}

async function replyOf(pipeline: ScriptPipeline): Promise<unknown> {
  const [[error, reply] = [new Error('Connection is closed.'), undefined]] = (await pipeline.exec()) ?? [];
  if (error !== null) throw error;
  return reply;
}
