import type {
  Backend,
  BackendRequest,
  Charge,
  ConsumeRequest,
  Refund,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../../contracts/backend.js';
import type { CircuitBreakerOptions } from '../../contracts/breaker.js';
import { aBoolean, onlyKnown } from '../../policies/option-checks.js';
import { batchable, EACH, MANY } from './batched.call.js';
import { CallBatches } from './call-batches.js';
import { limiterCall, type LimiterCall, type Verb } from './limiter.call.js';
import { LimiterFunction } from './limiter.function.js';
import { Patience } from './patient-query.js';
import { poolSourceOf, type PoolSource } from './pool-source.js';
import type { PostgresConnection } from './postgres-client.js';
import { translated } from './postgres-errors.js';
import { COUNTING } from './purpose.js';
import { numbersOf, readReply, timeOutsideBorders } from './reply.js';
import type { PostgresSchemaOptions } from './schema.js';
import { Sweeper } from './sweeper.js';
import { tableNames, type TableNames } from './table-names.js';

/** Options of `postgresBackend()`. */
export type PostgresBackendOptions = PostgresConnection &
  PostgresSchemaOptions & {
    /** Creates or updates the tables and functions when needed. Default true. */
    readonly migrate?: boolean;
    /** Default `postgres`. */
    readonly name?: string;
    /** Options of the breaker around this backend. They override the module's. `false`: no breaker. */
    readonly circuitBreaker?: CircuitBreakerOptions | false;
  };

/**
 * Keeps counters in PostgreSQL (13 or later), shared by every process. The database's clock decides, and each decision
 * is one statement, for any number of policies and subjects.
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
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  private readonly names: TableNames;
  private readonly source: PoolSource;
  private readonly limiter: LimiterFunction;
  private readonly many: CallBatches;
  private readonly each: CallBatches;
  private readonly sweeper: Sweeper;
  /** How far the database's clock is ahead, where that is known to be more than a calendar window. */
  private aheadMs = 0;
  private readonly clock = (): number => Date.now() + this.aheadMs;

  constructor(options: PostgresBackendOptions) {
    const { schema = 'public', table = 'floodgate', unlogged = false, migrate = true } = options;
    aBoolean('postgresBackend.unlogged', unlogged);
    aBoolean('postgresBackend.migrate', migrate);
    this.name = options.name ?? 'postgres';
    if (options.circuitBreaker !== undefined) this.circuitBreaker = options.circuitBreaker;
    this.names = tableNames('postgresBackend', schema, table);
    this.source = poolSourceOf('postgresBackend', options);
    this.limiter = new LimiterFunction(this.source, this.names, { migrate, unlogged });
    this.many = new CallBatches(this.limiter, MANY);
    this.each = new CallBatches(this.limiter, EACH);
    this.sweeper = new Sweeper(this.source, this.names);
  }

  async consume({ charges, overdraw = false, timeoutMs }: ConsumeRequest): Promise<Reply> {
    const patience = new Patience(timeoutMs);
    const reply =
      (overdraw ? undefined : await this.decided(charges, patience)) ??
      (await this.run(overdraw ? 'overdraw' : 'consume', charges, patience));
    this.sweeper.remind(reply.nowMs);
    return reply;
  }

  peek({ charges, timeoutMs }: BackendRequest): Promise<Reply> {
    return this.run('peek', charges, new Patience(timeoutMs));
  }

  async refund({ charges, chargedAtMs, timeoutMs }: RefundRequest): Promise<void> {
    await this.run('refund', charges, new Patience(timeoutMs), chargedAtMs);
  }

  async renew({ charges, timeoutMs }: RenewRequest): Promise<void> {
    await this.run('renew', charges, new Patience(timeoutMs));
  }

  async reset({ charges, timeoutMs }: BackendRequest): Promise<void> {
    await this.run('reset', charges, new Patience(timeoutMs));
  }

  /** Finds out whether a decision could be stored: unlike `SELECT 1`, it fails on a standby and without a table. */
  async ping(signal: AbortSignal): Promise<void> {
    await this.translating(() => this.limiter.ping(signal));
  }

  open(): void {
    this.source.open();
    // Later calls report the error.
    this.limiter.ping().catch(() => undefined);
  }

  close(): Promise<void> {
    return this.source.close();
  }

  /** Decides together with others that wait, where that can be. */
  private async decided(charges: readonly Charge[], patience: Patience): Promise<Reply | undefined> {
    for (const { policy, cost, slot } of charges) {
      if (policy.algorithm === 'concurrency' && cost > 0 && slot === undefined) {
        throw new TypeError('A charge of a concurrency policy names the slot that it takes.');
      }
    }
    const batched = batchable(charges);
    if (batched === undefined) return undefined;
    const batches = batched.kind === MANY ? this.many : this.each;
    const numbers = await this.translating(() => batches.decide(batched.call, patience));
    return (
      numbers &&
      readReply(
        numbers,
        charges,
        charges.map((_one, place) => place),
      )
    );
  }

  private async run(verb: Verb, charges: readonly Refund[], patience: Patience, chargedAtMs?: number): Promise<Reply> {
    let call = limiterCall(verb, charges, this.clock, chargedAtMs);
    let numbers = await this.ask(call, patience);
    const serverMs = timeOutsideBorders(numbers);
    if (serverMs !== undefined) {
      this.aheadMs = serverMs - Date.now();
      call = limiterCall(verb, charges, this.clock, chargedAtMs);
      numbers = await this.ask(call, patience);
    }
    return readReply(numbers, charges, call.order);
  }

  private async ask(call: LimiterCall, patience: Patience): Promise<readonly number[]> {
    return numbersOf(await this.translating(() => this.limiter.call(call, patience)));
  }

  private async translating<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw translated(error, this.name, this.names, COUNTING);
    }
  }
}
