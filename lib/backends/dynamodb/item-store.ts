import {
  GetItemCommand,
  PutItemCommand,
  TransactWriteItemsCommand,
  type DynamoDBClient,
  type Put,
} from '@aws-sdk/client-dynamodb';
import { untilAborted } from '../../contracts/until-aborted.js';
import { cancellations, isConditionFailure, isUnknownOperation } from './dynamodb-errors.js';
import type { ItemWrite, WriteResult } from './item-write.js';
import { writeInSequence } from './sequential-write.js';
import { ATTRIBUTES, decode, encode, NO_ITEM, type RawItem, type SubjectItem } from './subject-item.js';

/**
 * The table, as the limiter uses it: one item read, and items replaced on condition.
 *
 * No call waits for longer than its signal says: the driver itself does, between its own retries and for credentials.
 */
export class ItemStore {
  private hasTransactions = true;

  constructor(
    private readonly client: DynamoDBClient,
    private readonly table: string,
  ) {}

  async read(subject: string, abortSignal: AbortSignal): Promise<SubjectItem> {
    const command = new GetItemCommand({
      TableName: this.table,
      Key: { [ATTRIBUTES.subject]: { S: subject } },
      ConsistentRead: true,
      ReturnConsumedCapacity: 'TOTAL',
    });
    const { Item } = await untilAborted(this.client.send(command, { abortSignal }), abortSignal);
    return Item === undefined ? NO_ITEM : decode(Item);
  }

  /** Replaces items, all or none: one by a conditional put, several by a transaction. */
  write(writes: readonly ItemWrite[], signal: AbortSignal): Promise<WriteResult> {
    const [only] = writes;
    return writes.length === 1 && only !== undefined ? this.writeOne(only, signal) : this.writeAll(writes, signal);
  }

  /** A write that never happens: finds out whether it would be allowed, and whether the store answers. */
  async probe(abortSignal: AbortSignal): Promise<void> {
    const command = new PutItemCommand({
      TableName: this.table,
      Item: { [ATTRIBUTES.subject]: { S: 'ping' } },
      ConditionExpression: 'attribute_exists(#subject) AND attribute_not_exists(#subject)',
      ExpressionAttributeNames: { '#subject': ATTRIBUTES.subject },
    });
    try {
      await untilAborted(this.client.send(command, { abortSignal }), abortSignal);
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
    }
  }

  private async writeOne(write: ItemWrite, abortSignal: AbortSignal): Promise<WriteResult> {
    const command = new PutItemCommand({ ...this.put(write), ReturnConsumedCapacity: 'TOTAL' });
    try {
      await untilAborted(this.client.send(command, { abortSignal }), abortSignal);
      return { kind: 'written' };
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
      return { kind: 'stale', items: new Map([[write.subject, told(error.Item)]]) };
    }
  }

  private async writeAll(writes: readonly ItemWrite[], abortSignal: AbortSignal): Promise<WriteResult> {
    if (!this.hasTransactions) return writeInSequence(writes, (write) => this.writeOne(write, abortSignal));
    const TransactItems = writes.map((write) => ({ Put: this.put(write) }));
    const command = new TransactWriteItemsCommand({ TransactItems, ReturnConsumedCapacity: 'TOTAL' });
    try {
      await untilAborted(this.client.send(command, { abortSignal }), abortSignal);
      return { kind: 'written' };
    } catch (error) {
      if (isUnknownOperation(error)) {
        this.hasTransactions = false;
        return this.writeAll(writes, abortSignal);
      }
      const stale = new Map<string, SubjectItem | undefined>();
      cancellations(error).forEach(({ Code, Item }, index) => {
        const write = writes[index];
        if (write !== undefined && Code === 'ConditionalCheckFailed') stale.set(write.subject, told(Item));
      });
      if (stale.size === 0) throw error;
      return { kind: 'stale', items: stale };
    }
  }

  private put({ subject, before, after }: ItemWrite): Put & { Item: RawItem } {
    return {
      TableName: this.table,
      Item: encode(subject, after),
      ...(before.version === undefined
        ? {
            ConditionExpression: 'attribute_not_exists(#subject)',
            ExpressionAttributeNames: { '#subject': ATTRIBUTES.subject },
          }
        : {
            ConditionExpression: '#version = :version',
            ExpressionAttributeNames: { '#version': ATTRIBUTES.version },
            ExpressionAttributeValues: { ':version': { S: before.version } },
          }),
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    };
  }
}

const told = (item: RawItem | undefined): SubjectItem | undefined => (item === undefined ? undefined : decode(item));
