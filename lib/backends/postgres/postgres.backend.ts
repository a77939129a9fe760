import type {
  Backend,
  BackendCapabilities,
  BackendRequest,
  ConsumeRequest,
  Refund,
  RefundRequest,
  Reply,
} from '../../contracts/backend.js';
import type { CircuitBreakerOptions } from '../../contracts/breaker.js';
import { aBoolean, onlyKnown } from '../../policies/option-checks.js';
import { limiterCall, SUPPORTED_ALGORITHMS, type Verb } from './limiter.call.js';
import { LimiterFunction } from './limiter.function.js';
import { Patience } from './patient-query.js';
import type { PoolSource } from './pool-source.js';
import { poolSourceOf, type PostgresConnection } from './postgres-connection.js';
import { translated } from './postgres-errors.js';
import { readReply } from './reply.js';
import type { PostgresSchemaOptions } from './schema.js';
import { Sweeper } from './sweeper.js';
import { tableNames, type TableNames } from './table-names.js';

/** Options of `postgresBackend()`. */
export type PostgresBackendOptions = PostgresConnection &
  PostgresSchemaOptions & {
    /** Sets the database up, or brings it up to date, when it is needed. Default true. */
    readonly migrate?: boolean;
    /** Default `postgres`. */
    readonly name?: string;
    /** Options of the breaker around this backend, before the module's. `false`: none. */
    readonly circuitBreaker?: CircuitBreakerOptions | false;
  };

/**
 * Counters in PostgreSQL (13 or later), shared by every process. The database's clock decides, and each decision is one
 * statement, for any number of policies and subjects.
 *
 * @throws RateLimitConfigurationError unless exactly one of `pool` and `connectionString` is given, or for a wrong option
 *
 * @example
 * RateLimitModule.forRoot({ backend: postgresBackend({ connectionString: process.env.DATABASE_URL }) })
 */
export function postgresBackend(options: PostgresBackendOptions): Backend {
  onlyKnown('postgresBackend', options, [
    'pool',
    'connectionString',
    'schema',
    'table',
    'unlogged',
    'migrate',
    'name',
    'circuitBreaker',
  ]);
  return new PostgresBackend(options);
}

class PostgresBackend implements Backend {
  readonly name: string;
  readonly capabilities: BackendCapabilities = { algorithms: SUPPORTED_ALGORITHMS };
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  private readonly names: TableNames;
  private readonly source: PoolSource;
  private readonly limiter: LimiterFunction;
  private readonly sweeper: Sweeper;

  constructor(options: PostgresBackendOptions) {
    const { schema = 'public', table = 'floodgate', unlogged = false, migrate = true } = options;
    aBoolean('postgresBackend.unlogged', unlogged);
    aBoolean('postgresBackend.migrate', migrate);
    this.name = options.name ?? 'postgres';
    if (options.circuitBreaker !== undefined) this.circuitBreaker = options.circuitBreaker;
    this.names = tableNames('postgresBackend', schema, table);
    this.source = poolSourceOf('postgresBackend', options);
    this.limiter = new LimiterFunction(this.source, this.names, { migrate, unlogged });
    this.sweeper = new Sweeper(this.source, this.names);
  }

  async consume({ charges, overdraw = false, timeoutMs }: ConsumeRequest): Promise<Reply> {
    const reply = await this.run(overdraw ? 'overdraw' : 'consume', charges, timeoutMs);
    this.sweeper.remind(reply.nowMs);
    return reply;
  }

  peek({ charges, timeoutMs }: BackendRequest): Promise<Reply> {
    return this.run('peek', charges, timeoutMs);
  }

  async refund({ charges, chargedAtMs, timeoutMs }: RefundRequest): Promise<void> {
    await this.run('refund', charges, timeoutMs, chargedAtMs);
  }

  async reset({ charges, timeoutMs }: BackendRequest): Promise<void> {
    await this.run('reset', charges, timeoutMs);
  }

  /** Finds out whether a decision could be stored: unlike `SELECT 1`, it fails on a standby and without a table. */
  async ping(signal: AbortSignal): Promise<void> {
    await this.translating(() => this.limiter.ping(signal));
  }

  open(): void {
    this.source.open();
    // Calls tell of what goes wrong here.
    this.limiter.ping().catch(() => undefined);
  }

  close(): Promise<void> {
    return this.source.close();
  }

  private async run(verb: Verb, charges: readonly Refund[], timeoutMs: number, chargedAtMs?: number): Promise<Reply> {
    const call = limiterCall(verb, charges, chargedAtMs);
    const raw = await this.translating(() => this.limiter.call(call, new Patience(timeoutMs)));
    return readReply(raw, charges, call.order);
  }

  private async translating<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw translated(error, this.name, this.names);
    }
  }
}
