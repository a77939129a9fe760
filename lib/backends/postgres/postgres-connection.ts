import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { GivenPool, OwnPool, type PoolSource } from './pool-source.js';
import { isPool, type PostgresPool } from './postgres-client.js';

/** Which PostgreSQL: a pool of the application, or what a pool of the store's own is made from. */
export type PostgresConnection =
  /** A `Pool` of pg 8, with any options. It stays the application's to close. */
  | { readonly pool: PostgresPool; readonly connectionString?: never }
  /** Such as `postgres://user:password@host:5432/database`. */
  | { readonly connectionString: string; readonly pool?: never };

/**
 * @param caller what is given the connection, for errors
 * @throws RateLimitConfigurationError unless exactly one of `pool` and `connectionString` is given
 */
export function poolSourceOf(caller: string, options: PostgresConnection): PoolSource {
  const { pool, connectionString } = options;
  if ((pool === undefined) === (connectionString === undefined)) {
    const given = Object.keys(options).filter((name) => ['pool', 'connectionString'].includes(name));
    throw new RateLimitConfigurationError(caller, given, 'Give exactly one of pool and connectionString.');
  }
  if (pool === undefined) return new OwnPool(connectionString as string, caller);
  if (isPool(pool)) return new GivenPool(pool);
  throw new RateLimitConfigurationError(`${caller}.pool`, pool, 'Give a Pool of pg 8.');
}
