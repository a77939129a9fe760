import type { RedisOptions } from 'ioredis';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { withoutValues } from '../../policies/option-checks.js';
import { isGlideClient, type GlideClient } from './glide-client.js';
import { GlideDriver } from './glide-driver.js';
import { isScriptingClient, type RedisClient, type ScriptingClient } from './ioredis-client.js';
import { IoredisDriver } from './ioredis-driver.js';
import { isNodeRedisClient, type NodeRedisClient } from './node-redis-client.js';
import { NodeRedisDriver } from './node-redis-driver.js';
import { OwnedConnection, type RedisCredentials } from './owned-connection.js';
import type { RedisDriver } from './redis-driver.js';

/** The Redis to use: a client of the application, or the settings of a new client. */
export type RedisConnection =
  /**
   * A client of ioredis 5 or 6, iovalkey, node-redis 5 or 6 (also a cluster, a sentinel or a pool) or
   * @valkey/valkey-glide 2, with any options. The application closes it.
   */
  | {
      readonly client: RedisClient | NodeRedisClient | GlideClient;
      readonly url?: never;
      readonly connection?: never;
      readonly credentials?: never;
    }
  | (RedisAddress & {
      readonly client?: never;
      /** Called for each new connection, for passwords and tokens that change. The result overrides the `url`. */
      readonly credentials?: () => RedisCredentials | Promise<RedisCredentials>;
    });

/** Where the backend connects to: a URL, options, or both; the options override the URL. */
export type RedisAddress =
  | {
      /** Such as `redis://:password@host:6379/0`, or `rediss://` for TLS. */
      readonly url: string;
      readonly connection?: RedisOptions;
    }
  | {
      readonly url?: never;
      /** Options of ioredis, including those for Sentinel. */
      readonly connection: RedisOptions;
    };

/**
 * The driver of a connection.
 *
 * @param place the function in error messages
 * @throws RateLimitConfigurationError unless `client` is given, or `url`, `connection` or both
 */
export function driverOf(place: string, options: RedisConnection): RedisDriver {
  const { client, url, connection, credentials } = options;
  if (client === undefined) {
    if (url === undefined && connection === undefined) {
      refuse(place, withoutValues(options), `None of client, url and connection is given. ${GIVE_ONE}`);
    }
    if (credentials !== undefined && typeof credentials !== 'function') {
      refuse(`${place}.credentials`, credentials, 'Give a function that answers { username?, password }.');
    }
    const owned = new OwnedConnection({ url, connection, credentials });
    return new IoredisDriver(owned.client as unknown as ScriptingClient, owned);
  }
  const others = (['url', 'connection', 'credentials'] as const).filter((name) => options[name] !== undefined);
  if (others.length > 0) {
    const both = others.length === 1 ? 'both' : 'all';
    refuse(
      place,
      withoutValues(options),
      `${['client', ...others.slice(0, -1)].join(', ')} and ${others.at(-1)} are ${both} given. ${GIVE_ONE}`,
    );
  }
  if (isScriptingClient(client)) return new IoredisDriver(client);
  if (isNodeRedisClient(client)) return new NodeRedisDriver(client);
  if (isGlideClient(client)) return new GlideDriver(client);
  return refuse(`${place}.client`, client, GIVE_CLIENT);
}

const GIVE_CLIENT = 'Give a client of ioredis 5 or 6, iovalkey, node-redis 5 or 6, or @valkey/valkey-glide 2.';
const GIVE_ONE =
  "Give a client, or { url: 'redis://localhost:6379' }; url can be combined with connection and credentials, client cannot.";

function refuse(option: string, received: unknown, mend: string): never {
  throw new RateLimitConfigurationError(option, received, mend);
}
