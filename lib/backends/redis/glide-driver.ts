import { isGlideCluster, type GlideClient } from './glide-client.js';
import type { RedisDriver, Script, ScriptCall } from './redis-driver.js';

/** Glide's `Decoder.Bytes`. */
const BYTES = { decoder: 0 };

/**
 * A client of glide, which always belongs to the application. It connects when it is created, and reconnects by itself,
 * without events. Its `requestTimeout` limits each command.
 */
export class GlideDriver implements RedisDriver {
  readonly isCluster: boolean;
  readonly isReady = true;
  readonly isConnected = true;

  constructor(private readonly client: GlideClient) {
    this.isCluster = isGlideCluster(client);
  }

  async whenReady(): Promise<void> {
    // It always accepts commands.
  }

  runByHash({ hash }: Script, call: ScriptCall): Promise<unknown> {
    return this.run('EVALSHA', hash, call);
  }

  runByText({ text }: Script, call: ScriptCall): Promise<unknown> {
    return this.run('EVAL', text, call);
  }

  onConnected(): () => void {
    return () => undefined;
  }

  open(): void {
    // The application made the connection.
  }

  async close(): Promise<void> {
    // The application closes its client.
  }

  private async run(command: string, script: string, { keys, parameters }: ScriptCall): Promise<unknown> {
    try {
      return await this.client.customCommand([command, script, String(keys.length), ...keys, ...parameters], BYTES);
    } catch (error) {
      throw replyOf(error) ?? error;
    }
  }
}

/** Glide's names of known reply codes. */
const CODES: Readonly<Record<string, string>> = {
  NoScriptError: 'NOSCRIPT',
  BusyLoadingError: 'LOADING',
  ReadOnly: 'READONLY',
  ClusterDown: 'CLUSTERDOWN',
  TryAgain: 'TRYAGAIN',
  MasterDown: 'MASTERDOWN',
  PermissionDenied: 'NOPERM',
  Moved: 'MOVED',
  Ask: 'ASK',
  CrossSlot: 'CROSSSLOT',
  ResponseError: 'ERR',
};

/** Glide's format of a reply: `An error was signalled by the server: - ReadOnly: text`, or `OOM: text`. */
const REPLY = /^(?:An error was signalled by the server: - )?(\w+): (.*)$/s;

/** An error reply in the words of the server. */
class GlideReplyError extends Error {
  override readonly name = 'ReplyError';
}

function replyOf(error: unknown): GlideReplyError | undefined {
  if (!(error instanceof Error) || error.name !== 'RequestError') return undefined;
  const [, kind = '', text = ''] = REPLY.exec(error.message) ?? [];
  const code = CODES[kind] ?? (/^[A-Z]+$/.test(kind) ? kind : undefined);
  return code === undefined ? undefined : new GlideReplyError(`${code} ${text}`, { cause: error });
}
