import { BackendUnavailableError } from '../../contracts/errors.js';
import type { PolicyDocument, PolicyStore } from '../../contracts/policy-store.js';
import { onlyKnown } from '../../policies/option-checks.js';
import { driverOf, type RedisConnection } from './redis-connection.js';
import type { RedisDriver } from './redis-driver.js';
import { translated } from './redis-errors.js';
import { runScript, scriptOf } from './script.js';
import { POLICIES_SCRIPT } from './scripts/policies.generated.js';

/** Options of `redisPolicyStore()`. */
export type RedisPolicyStoreOptions = RedisConnection & {
  /** The prefix of its key. Default `floodgate:`. */
  readonly keyPrefix?: string;
  /** Shown in health and errors. Default `redis-policies`. */
  readonly name?: string;
};

const SCRIPT = scriptOf(POLICIES_SCRIPT);

/** Longest wait for a connection, in ms. */
const CONNECT_MS = 1_000;

/** Changes that others made at the same moment, before one is given up. */
const MAX_ATTEMPTS = 20;

/**
 * Stores changes of policies in Redis, for all processes that share it. They never expire.
 *
 * @throws RateLimitConfigurationError unless `client` is given, or `url`, `connection` or both
 * @example
 * RateLimitModule.forRoot({ policies, policyStore: redisPolicyStore({ url: 'redis://localhost:6379' }) })
 */
export function redisPolicyStore(options: RedisPolicyStoreOptions): PolicyStore {
  onlyKnown('redisPolicyStore', options, ['client', 'url', 'connection', 'credentials', 'keyPrefix', 'name']);
  return new RedisPolicyStore(options);
}

class RedisPolicyStore implements PolicyStore {
  readonly name: string;
  private readonly key: string;
  private readonly driver: RedisDriver;

  constructor(options: RedisPolicyStoreOptions) {
    const { name = 'redis-policies', keyPrefix = 'floodgate:' } = options;
    this.name = name;
    this.key = `${keyPrefix}policies`;
    this.driver = driverOf('redisPolicyStore', options);
  }

  async read(): Promise<PolicyDocument | undefined> {
    return documentOf(await this.run([]));
  }

  async change(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument> {
    let present = await this.run([]);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const document = update(documentOf(present));
      const reply = await this.run([present, JSON.stringify(document)]);
      if (reply === '+') return document;
      present = reply.slice(1);
    }
    throw new BackendUnavailableError({
      backend: this.name,
      cause: new Error('Other processes keep changing the policies at the same time'),
    });
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  private async run(parameters: readonly string[]): Promise<string> {
    try {
      this.driver.open();
      if (!this.driver.isReady) await this.driver.whenReady(AbortSignal.timeout(CONNECT_MS));
      return String(await runScript(this.driver, SCRIPT, { keys: [this.key], parameters }));
    } catch (error) {
      throw translated(error, this.name);
    }
  }
}

const documentOf = (text: string): PolicyDocument | undefined =>
  text === '' ? undefined : (JSON.parse(text) as PolicyDocument);
