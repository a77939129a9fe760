import { randomBytes } from 'node:crypto';
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type {
  Backend,
  BackendRequest,
  ConsumeRequest,
  RefundRequest,
  RenewRequest,
  Reply,
} from '../../contracts/backend.js';
import type { CircuitBreakerOptions, Clock } from '../../contracts/breaker.js';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { aBoolean, onlyKnown } from '../../policies/option-checks.js';
import { translated } from './dynamodb-errors.js';
import { ItemClock } from './item-clock.js';
import { ItemStore } from './item-store.js';
import { consuming, peeking, refunding, renewing, resetting, type Operation } from './operations.js';
import { OptimisticDecider } from './optimistic-decider.js';
import { TablePreparation } from './table-preparation.js';

/** Options of `dynamodbBackend()`. */
export interface DynamodbBackendOptions {
  /** A client of @aws-sdk/client-dynamodb 3, with any options. The application closes it. */
  readonly client: DynamoDBClient;
  /** Name of the table. Its only key is the partition key `subject`, a string; its TTL attribute is `expiresAt`. */
  readonly table: string;
  /** Creates the table if it is missing, on demand capacity, and turns on its TTL. Default false. */
  readonly createTable?: boolean;
  /** Default `dynamodb`. */
  readonly name?: string;
  /** Options of the breaker around this backend. They override the module's. `false`: no breaker. */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
}

/**
 * Keeps counters in a DynamoDB table, shared by every process. A decision on one subject is one conditional write, on
 * several subjects one transaction; a refusal is one read. DynamoDB has no server clock for writes, so each process
 * decides by its own clock.
 *
 * @throws RateLimitConfigurationError for an option that is wrong
 *
 * @example
 * RateLimitModule.forRoot({ backend: dynamodbBackend({ client: new DynamoDBClient(), table: 'rate-limits' }) })
 */
export function dynamodbBackend(options: DynamodbBackendOptions): Backend {
  onlyKnown('dynamodbBackend', options, ['client', 'table', 'createTable', 'name', 'circuitBreaker']);
  return new DynamodbBackend(options);
}

/** What DynamoDB accepts as the name of a table, or as its ARN. */
const TABLE = /^([a-zA-Z0-9_.-]{3,255}|arn:[a-zA-Z0-9_.:/-]{1,1000})$/;

/** The backend behind `dynamodbBackend()`. */
export class DynamodbBackend implements Backend {
  readonly name: string;
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  private readonly table: string;
  private readonly store: ItemStore;
  private readonly preparation: TablePreparation | undefined;
  private readonly decider: OptimisticDecider;

  /** @param clock milliseconds since the epoch; for tests */
  constructor(options: DynamodbBackendOptions, clock: Clock = () => Date.now()) {
    const { client, table, createTable = false, name = 'dynamodb', circuitBreaker } = checked(options);
    this.name = name;
    this.table = table;
    if (circuitBreaker !== undefined) this.circuitBreaker = circuitBreaker;
    const writer = randomBytes(9).toString('base64url');
    this.store = new ItemStore(client, table);
    this.preparation = createTable ? new TablePreparation(client, table) : undefined;
    this.decider = new OptimisticDecider(this.store, new ItemClock(clock, writer), writer, (signal) =>
      this.ready(signal),
    );
  }

  consume(request: ConsumeRequest): Promise<Reply> {
    return this.run(request, consuming(request));
  }

  peek(request: BackendRequest): Promise<Reply> {
    return this.run(request, peeking(request));
  }

  async refund(request: RefundRequest): Promise<void> {
    await this.run(request, refunding(request));
  }

  async renew(request: RenewRequest): Promise<void> {
    await this.run(request, renewing(request));
  }

  async reset(request: BackendRequest): Promise<void> {
    await this.run(request, resetting(request));
  }

  /** A write whose condition never holds, and a read: what a decision needs, and nothing changes. */
  async ping(signal: AbortSignal): Promise<void> {
    try {
      await this.ready(signal);
      await Promise.all([this.store.probe(signal), this.store.read('ping', signal)]);
    } catch (error) {
      throw translated(error, this.name, this.table);
    }
  }

  /** Begins to create the table, where that is wanted. */
  open(): void {
    this.preparation?.start();
  }

  close(): void {
    this.preparation?.stop();
    this.decider.forget();
  }

  private async ready(signal: AbortSignal): Promise<void> {
    await this.preparation?.done(signal);
  }

  private async run({ charges, timeoutMs }: BackendRequest, operation: Operation): Promise<Reply> {
    try {
      return await this.decider.run(
        charges.map(({ key }) => key),
        operation,
        timeoutMs,
      );
    } catch (error) {
      throw translated(error, this.name, this.table);
    }
  }
}

function checked(options: DynamodbBackendOptions): DynamodbBackendOptions {
  const { client, table, createTable } = options;
  if (typeof (client as { send?: unknown } | undefined)?.send !== 'function') {
    throw new RateLimitConfigurationError(
      'dynamodbBackend.client',
      client,
      'Give a DynamoDBClient of @aws-sdk/client-dynamodb 3.',
    );
  }
  if (typeof table !== 'string' || !TABLE.test(table)) {
    throw new RateLimitConfigurationError(
      'dynamodbBackend.table',
      table,
      'Give the name of a table: 3 to 255 letters, digits or any of _ . -',
    );
  }
  if (createTable !== undefined) aBoolean('dynamodbBackend.createTable', createTable);
  return options;
}
