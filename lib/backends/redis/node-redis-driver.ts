import { isClusterClient, send, type CommandingClient } from './node-redis-client.js';
import { NodeRedisConnection } from './node-redis-connection.js';
import type { RedisDriver, Script, ScriptCall } from './redis-driver.js';

/** A client of node-redis: always the application's. */
export class NodeRedisDriver implements RedisDriver {
  readonly isCluster: boolean;
  private readonly connection: NodeRedisConnection;

  constructor(private readonly client: CommandingClient) {
    this.isCluster = isClusterClient(client);
    this.connection = NodeRedisConnection.of(client);
  }

  get isReady(): boolean {
    return this.connection.isReady;
  }

  get isConnected(): boolean {
    return this.connection.isReady || this.connection.isIdle;
  }

  whenReady(signal: AbortSignal): Promise<void> {
    return this.connection.wait(signal);
  }

  runByHash({ hash }: Script, call: ScriptCall): Promise<unknown> {
    return this.run('EVALSHA', hash, call);
  }

  runByText({ text }: Script, call: ScriptCall): Promise<unknown> {
    return this.run('EVAL', text, call);
  }

  onConnected(listener: () => void): () => void {
    return this.connection.onMade(listener);
  }

  open(): void {
    // The application connects its client, or the first call does.
  }

  async close(): Promise<void> {
    // The application closes its client.
  }

  private run(command: string, script: string, { keys, parameters }: ScriptCall): Promise<unknown> {
    const args = [command, script, String(keys.length), ...keys, ...parameters];
    return send(this.client, args, keys[0], this.connection.signal);
  }
}
