import type { CounterSource, SourceOptions } from './counter-source.js';
import { wrongUse } from './failures.js';

/**
 * The store of a URL. Only its driver is loaded, so the other driver need not be installed.
 *
 * @throws CommandFailure for a URL of another kind, or a driver that is not installed
 */
export async function sourceOf(options: SourceOptions): Promise<CounterSource> {
  const { url } = options;
  if (url === undefined) {
    throw wrongUse('Say where the counters are: --url redis://localhost:6379 or postgres://…, or FLOODGATE_URL.');
  }
  const scheme = /^([a-z]+):\/\//.exec(url)?.[1];
  switch (scheme) {
    case 'redis':
    case 'rediss': {
      const { RedisSource } = await loaded('ioredis', () => import('./redis.source.js'));
      return new RedisSource(url, options);
    }
    case 'postgres':
    case 'postgresql': {
      const { PostgresSource } = await loaded('pg', () => import('./postgres.source.js'));
      return new PostgresSource(url, options);
    }
    default:
      throw wrongUse(`--url is not one that is known: give redis://, rediss:// or postgres://host:port/database.`);
  }
}

async function loaded<T>(driver: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!/MODULE_NOT_FOUND$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    throw wrongUse(`The package ${driver} is not installed: npm install ${driver}.`);
  }
}
