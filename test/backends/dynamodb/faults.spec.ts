import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from '../../../lib/backends/dynamodb/dynamodb.backend.js';
import type { Backend, Charge, Reply } from '../../../lib/contracts/backend.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { dynamoClient, DynamoServer, type DynamoFault } from '../../support/dynamo-server.js';
import { freePort } from '../../support/free-port.js';
import { TcpProxy } from '../../support/tcp-proxy.js';
import { thrownBy } from '../../unit/policies/thrown.js';

const table = 'limits';
const LONG_MS = 20_000;
const policy = testPolicy({ algorithm: 'sliding-window', limit: 10, windowMs: 366 * 86_400_000 });

let server: DynamoServer;
let client: DynamoDBClient;
let backend: Backend;
let keys = 0;
let charges: readonly Charge[];

beforeAll(async () => {
  server = await DynamoServer.start();
  // One attempt of the driver, so that each retry that is seen is the backend's.
  client = dynamoClient(server.port, { maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  await server.stop();
});

beforeEach(async () => {
  backend = dynamodbBackend({ client, table, createTable: true });
  await backend.ping(AbortSignal.timeout(LONG_MS));
  server.resetCounts();
  charges = [{ key: `key-${(keys += 1)}`, policy, cost: 1 }];
});

afterEach(async () => {
  server.fault = () => undefined;
  await backend.close();
});

const consume = async (timeoutMs = LONG_MS): Promise<Reply> => backend.consume({ charges, timeoutMs });

/** Fails the first calls of an operation, or all of them. */
function fail(fault: DynamoFault, { operation = 'PutItem', first = Number.POSITIVE_INFINITY } = {}): void {
  let left = first;
  server.fault = (called) => (called === operation && left-- > 0 ? fault : undefined);
}

const THROTTLED: readonly (readonly [string, DynamoFault])[] = [
  ['throughput exceeded', { status: 400, type: 'ProvisionedThroughputExceededException' }],
  ['throttled', { status: 400, type: 'ThrottlingException' }],
  ['request limit exceeded', { status: 400, type: 'RequestLimitExceeded' }],
  ['a transaction on the item', { status: 400, type: 'TransactionConflictException' }],
  ['an internal error', { status: 500, type: 'InternalServerError' }],
  ['service unavailable', { status: 503, type: 'ServiceUnavailable' }],
  ['a gateway without a name', { status: 502, type: '' }],
];

describe('what goes away by itself', () => {
  it.each(THROTTLED)('is tried again inside the deadline: %s', async (_what, fault) => {
    fail(fault, { first: 3 });
    expect((await consume()).policies[0]!.remaining).toBe(9);
    expect(server.callsOf('PutItem')).toBe(4);
  });

  it.each(THROTTLED)('is an outage when the deadline is over: %s', async (_what, fault) => {
    fail(fault);
    await expect(consume(150)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', backend: 'dynamodb' });
  });

  it.each([
    ['throttled', { status: 400, type: 'ThrottlingException' }, { name: 'ThrottlingException' }],
    ['a gateway without a name', { status: 502, type: '' }, { $metadata: { httpStatusCode: 502 } }],
  ] as const)('is the cause of an outage, though the last try had no answer: %s', async (_what, fault, cause) => {
    let tries = 0;
    server.fault = () => (tries++ === 0 ? fault : 'hang');
    await expect(consume(2_000)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', cause });
  });

  it('is not the cause of an outage when the store has answered since', async () => {
    const writes: DynamoFault[] = [
      { status: 400, type: 'ThrottlingException' },
      { status: 400, type: 'ConditionalCheckFailedException' },
    ];
    server.fault = (called) => (called === 'PutItem' ? (writes.shift() ?? 'hang') : undefined);
    await expect(consume(2_000)).rejects.toMatchObject({ cause: { name: 'TimeoutError' } });
  });

  it('charges once where only the answer was lost', async () => {
    fail('answer-lost', { first: 1 });
    expect((await consume()).policies[0]!.remaining).toBe(9);
    server.fault = () => undefined;
    expect((await backend.peek({ charges, timeoutMs: LONG_MS })).policies[0]!.remaining).toBe(9);
  });

  it('charges once where only the answer to a transaction was lost', async () => {
    const other: Charge = { key: `key-${(keys += 1)}`, policy, cost: 1 };
    charges = [...charges, other];
    fail('answer-lost', { operation: 'TransactWriteItems', first: 1 });
    expect((await consume()).policies.map(({ remaining }) => remaining)).toEqual([9, 9]);
    server.fault = () => undefined;
    const { policies } = await backend.peek({ charges, timeoutMs: LONG_MS });
    expect(policies.map(({ remaining }) => remaining)).toEqual([9, 9]);
  });

  it('conflicts beyond the deadline are an outage', async () => {
    fail({ status: 400, type: 'ConditionalCheckFailedException' });
    const late = { code: 'BACKEND_UNAVAILABLE', cause: { name: 'TimeoutError' } };
    await expect(consume(150)).rejects.toMatchObject(late);
  });
});

describe('what cannot be reached', () => {
  it('is an outage at the deadline when calls hang, and requests are given up', async () => {
    fail('hang');
    const late = { code: 'BACKEND_UNAVAILABLE', cause: { name: 'TimeoutError' } };
    await expect(consume(150)).rejects.toMatchObject(late);
    server.fault = () => undefined;
    expect((await consume()).allowed).toBe(true);
  });

  it('is an outage when the network holds all bytes, and over when they flow again', async () => {
    await using proxy = await TcpProxy.start({ target: server });
    const proxied = dynamoClient(proxy.port);
    const through = dynamodbBackend({ client: proxied, table });
    await proxy.setMode('stall');
    const stalled = through.consume({ charges, timeoutMs: 200 });
    await expect(stalled).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await expect(through.ping(AbortSignal.timeout(200))).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await proxy.setMode('pass');
    expect((await through.consume({ charges, timeoutMs: LONG_MS })).allowed).toBe(true);
    proxied.destroy();
  });

  it.each([
    ['nobody listens', async () => dynamoClient(await freePort(), { maxAttempts: 1 })],
    [
      'the name is unknown',
      () => Promise.resolve(dynamoClient(1, { endpoint: 'http://nowhere.invalid', maxAttempts: 1 })),
    ],
    [
      'there are no credentials',
      () =>
        Promise.resolve(
          dynamoClient(server.port, {
            credentials: () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
          }),
        ),
    ],
  ])('is an outage when %s', async (_what, make) => {
    const lost = await make();
    const away = dynamodbBackend({ client: lost, table });
    await expect(away.consume({ charges, timeoutMs: 300 })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    lost.destroy();
  });

  it('is an outage at the deadline when the driver waits for its credentials', async () => {
    const waiting = dynamoClient(server.port, { credentials: () => new Promise(() => undefined) });
    const through = dynamodbBackend({ client: waiting, table });
    await expect(through.consume({ charges, timeoutMs: 150 })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await expect(through.ping(AbortSignal.timeout(150))).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    waiting.destroy();
  });

  it('is an outage when the service refuses who asks', async () => {
    fail({ status: 400, type: 'UnrecognizedClientException' });
    await expect(consume(2_000)).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    expect(server.callsOf('PutItem')).toBe(1);
  });
});

describe('a mistake', () => {
  it('of the table names it', async () => {
    const missing = dynamodbBackend({ client, table: 'no-such-table' });
    const failed = missing.consume({ charges, timeoutMs: LONG_MS });
    await expect(failed).rejects.toMatchObject({ code: 'RATE_LIMIT_CONFIGURATION', received: 'no-such-table' });
    await expect(missing.ping(AbortSignal.timeout(LONG_MS))).rejects.toThrow(/no-such-table/);
  });

  it('of permissions names what to allow', async () => {
    fail({ status: 400, type: 'AccessDeniedException' });
    await expect(consume()).rejects.toThrow(/AccessDenied.*dynamodb:PutItem.*'limits'/s);
    await expect(consume()).rejects.toMatchObject({ code: 'RATE_LIMIT_CONFIGURATION' });
  });

  it('of the request is its own error', async () => {
    fail({ status: 400, type: 'ValidationException' });
    await expect(consume()).rejects.toMatchObject({ name: 'ValidationException' });
  });

  it('in a cancelled transaction is its own error', async () => {
    charges = [...charges, { key: `key-${(keys += 1)}`, policy, cost: 1 }];
    fail({ status: 400, type: 'ResourceNotFoundException' }, { operation: 'TransactWriteItems' });
    await expect(consume()).rejects.toMatchObject({ code: 'RATE_LIMIT_CONFIGURATION' });
  });
});

describe('createTable', () => {
  it('is safe when many begin at once, and turns TTL on', async () => {
    const started = Array.from({ length: 8 }, () => dynamodbBackend({ client, table: 'shared', createTable: true }));
    for (const one of started) one.open?.();
    const replies = await Promise.all(started.map((one) => one.consume({ charges, timeoutMs: LONG_MS })));
    expect(replies.map(({ allowed }) => allowed)).toEqual(started.map(() => true));
    expect(server.ttl.get('shared')).toBe('expiresAt');
    for (const one of started) await one.close();
  });

  it('is tried again by the next call when it failed', async () => {
    fail({ status: 400, type: 'AccessDeniedException' }, { operation: 'CreateTable', first: 1 });
    const late = dynamodbBackend({ client, table: 'late', createTable: true });
    await expect(late.consume({ charges, timeoutMs: LONG_MS })).rejects.toThrow(/dynamodb:CreateTable/);
    expect((await late.consume({ charges, timeoutMs: LONG_MS })).allowed).toBe(true);
    await late.close();
  });

  it('holds no call for longer than its deadline', async () => {
    fail('hang', { operation: 'DescribeTable' });
    const slow = dynamodbBackend({ client, table: 'slow', createTable: true });
    await expect(slow.consume({ charges, timeoutMs: 150 })).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
    await slow.close();
  });
});

describe('options', () => {
  it.each([
    ['client', { client: {}, table }],
    ['table', { client: new DynamoDBClient(), table: 'no table' }],
    ['createTable', { client: new DynamoDBClient(), table, createTable: 'yes' }],
    ['prefix', { client: new DynamoDBClient(), table, prefix: 'x' }],
  ])('that are wrong stop the start: %s', (option, options) => {
    expect(thrownBy(() => dynamodbBackend(options as never))).toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
      option: `dynamodbBackend.${option}`,
    });
  });
});
