import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';

const HOST = '127.0.0.1';
const TYPE = 'com.amazonaws.dynamodb.v20120810#';

/** What a test makes of a call before the server sees it: an error of the service, or no answer at all. */
export type DynamoFault = { readonly status: number; readonly type: string } | 'hang' | 'answer-lost' | undefined;

interface Body {
  readonly TableName?: string | undefined;
  readonly Key?: unknown;
  readonly Item?: Record<string, unknown>;
  readonly ReturnValuesOnConditionCheckFailure?: string;
  readonly TransactItems?: readonly { readonly Put: Body }[];
  readonly [other: string]: unknown;
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly __type?: string; readonly Item?: Record<string, unknown> };
}

/**
 * dynalite, and in front of it what it lacks of DynamoDB: transactions of puts, the item that a failed condition met, and
 * TTL. It does one call after the other, counts them, and fails those that a test wants to fail.
 */
export class DynamoServer implements AsyncDisposable {
  /** Calls by operation, such as `PutItem`. */
  readonly calls = new Map<string, number>();
  /** Units of capacity as the server counts them. */
  writeUnits = 0;
  readUnits = 0;
  /** Asked before each call. */
  fault: (operation: string) => DynamoFault = () => undefined;
  /** Tables whose TTL is on, with its attribute. */
  readonly ttl = new Map<string, string>();
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly front: Server,
    private readonly inner: Server,
  ) {
    front.on('request', (request: IncomingMessage, response: ServerResponse) => void this.serve(request, response));
  }

  static async start(options: { readonly createTableMs?: number } = {}): Promise<DynamoServer> {
    const [front, inner] = [createServer(), dynalite({ createTableMs: 0, ...options })];
    for (const server of [front, inner]) {
      server.listen(0, HOST);
      await once(server, 'listening');
    }
    return new DynamoServer(front, inner);
  }

  get host(): string {
    return HOST;
  }

  get port(): number {
    return (this.front.address() as AddressInfo).port;
  }

  /** dynalite alone, without what it lacks. */
  get plainPort(): number {
    return (this.inner.address() as AddressInfo).port;
  }

  callsOf(operation: string): number {
    return this.calls.get(operation) ?? 0;
  }

  /** Counts calls and capacity anew. */
  resetCounts(): void {
    this.calls.clear();
    this.writeUnits = this.readUnits = 0;
  }

  /** What is in a table, each item as DynamoDB's JSON. */
  async items(table: string): Promise<readonly Record<string, { readonly S?: string; readonly N?: string }>[]> {
    const { body } = await this.ask('Scan', { TableName: table });
    return body['Items'] as Record<string, { S?: string; N?: string }>[];
  }

  /** Writes an item, as somebody else would. */
  async put(table: string, item: Record<string, unknown>): Promise<void> {
    await this.ask('PutItem', { TableName: table, Item: item });
  }

  async stop(): Promise<void> {
    for (const server of [this.front, this.inner]) {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    const body = JSON.parse(await text(request)) as Body;
    this.calls.set(operation, this.callsOf(operation) + 1);
    const fault = this.fault(operation);
    if (fault === 'hang') return;
    const answer =
      typeof fault === 'object'
        ? failure(fault.status, fault.type)
        : await this.inTurn(() => this.answer(operation, body));
    if (fault === 'answer-lost') return void response.destroy();
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(answer.body));
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.last.then(work, work);
    this.last = done;
    return done;
  }

  private async answer(operation: string, body: Body): Promise<Answer> {
    switch (operation) {
      case 'TransactWriteItems':
        return this.transact(body.TransactItems ?? []);
      case 'UpdateTimeToLive':
        return this.updateTtl(body);
      case 'DescribeTimeToLive':
        return this.describeTtl(body);
      case 'PutItem':
        return this.putItem(body);
      default:
        return this.counted(await this.ask(operation, body), 'read');
    }
  }

  private async putItem(body: Body): Promise<Answer> {
    const answer = this.counted(await this.ask('PutItem', body), 'write');
    if (!isConditionFailure(answer)) return answer;
    // As DynamoDB does: a write whose condition fails costs as much as one that is done.
    this.writeUnits += 1;
    if (body.ReturnValuesOnConditionCheckFailure !== 'ALL_OLD') return answer;
    return { ...answer, body: { ...answer.body, ...(await this.present(body)) } };
  }

  /** Puts one by one, and takes them back where one fails: nobody sees that, since calls are done in turn. */
  private async transact(items: readonly { readonly Put: Body }[]): Promise<Answer> {
    const before: { readonly put: Body; readonly present: { readonly Item?: object } }[] = [];
    const reasons: object[] = [];
    for (const { Put: put } of items) {
      const present = await this.present(put);
      const { status, body } = await this.ask('PutItem', put);
      if (status === 200) before.push({ put, present });
      reasons.push(
        status === 200 ? { Code: 'None' } : { Code: 'ConditionalCheckFailed', Message: body['message'], ...present },
      );
    }
    this.writeUnits += 2 * items.length;
    if (before.length === items.length) return { status: 200, body: {} };
    for (const { put, present } of before) {
      const { TableName } = put;
      if (present.Item !== undefined)
        await this.ask('PutItem', { TableName, Item: present.Item as Record<string, unknown> });
      else await this.ask('DeleteItem', { TableName, Key: keyOf(put) });
    }
    const cancelled = failure(400, 'TransactionCanceledException');
    return { ...cancelled, body: { ...cancelled.body, CancellationReasons: reasons } };
  }

  private async present(put: Body): Promise<{ Item?: Record<string, unknown> }> {
    const { body } = await this.ask('GetItem', { TableName: put.TableName, Key: keyOf(put), ConsistentRead: true });
    return body.Item === undefined ? {} : { Item: body.Item };
  }

  private updateTtl({ TableName, TimeToLiveSpecification }: Body): Answer {
    const { AttributeName } = TimeToLiveSpecification as { AttributeName: string };
    if (this.ttl.has(TableName!)) return failure(400, 'ValidationException', 'TimeToLive is already enabled');
    this.ttl.set(TableName!, AttributeName);
    return { status: 200, body: { TimeToLiveSpecification } };
  }

  private describeTtl({ TableName }: Body): Answer {
    const attribute = this.ttl.get(TableName!);
    const TimeToLiveDescription = { TimeToLiveStatus: attribute === undefined ? 'DISABLED' : 'ENABLED' };
    return { status: 200, body: { TimeToLiveDescription } };
  }

  private counted(answer: Answer, kind: 'read' | 'write'): Answer {
    const { CapacityUnits = 0 } = (answer.body['ConsumedCapacity'] ?? {}) as { CapacityUnits?: number };
    if (kind === 'read') this.readUnits += CapacityUnits;
    else this.writeUnits += CapacityUnits;
    return answer;
  }

  private async ask(operation: string, body: Body): Promise<Answer> {
    const response = await fetch(`http://${HOST}:${this.plainPort}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': `DynamoDB_20120810.${operation}`,
        'x-amz-date': '20260101T000000Z',
        authorization: 'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=f',
      },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }
}

/** A client of a server on this machine. */
export const dynamoClient = (port: number, config: DynamoDBClientConfig = {}): DynamoDBClient =>
  new DynamoDBClient({
    endpoint: `http://${HOST}:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    ...config,
  });

const isConditionFailure = ({ body }: Answer): boolean =>
  body.__type?.endsWith('#ConditionalCheckFailedException') === true;

const failure = (status: number, type: string, message = type): Answer => ({
  status,
  body: { __type: `${TYPE}${type}`, message },
});

const keyOf = ({ Item }: Body): { subject: unknown } => ({ subject: Item?.['subject'] });
