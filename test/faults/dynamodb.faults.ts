import { DeleteTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { dynamodbBackend } from 'nestjs-floodgate/dynamodb';
import { eventually } from '../support/eventually.js';
import { dynamoClient, DynamoServer, type DynamoFault } from '../support/dynamo-server.js';
import type { StoreFault, StoreScene } from './describe-store-faults.js';

const TABLE = 'limits';

/** A scene whose calls fail in one way while it is broken. */
async function failing(fault: DynamoFault): Promise<StoreScene> {
  const scene = await serving();
  const meet = async (met: DynamoFault): Promise<void> => {
    scene.server.fault = () => met;
  };
  return { ...scene, break: () => meet(fault), mend: () => meet(undefined) };
}

async function serving() {
  const server = await DynamoServer.start();
  const client = dynamoClient(server.port, { maxAttempts: 1 });
  return {
    server,
    client,
    backend: (name: string) => dynamodbBackend({ client, table: TABLE, createTable: true, name }),
    async [Symbol.asyncDispose]() {
      client.destroy();
      await server.stop();
    },
  };
}

export const DYNAMO_FAULTS: readonly StoreFault[] = [
  {
    name: 'throttled',
    reason: /ProvisionedThroughputExceeded|DEADLINE_EXCEEDED/,
    start: () => failing({ status: 400, type: 'ProvisionedThroughputExceededException' }),
  },
  {
    name: 'answers with 500',
    reason: /InternalServerError|DEADLINE_EXCEEDED/,
    start: () => failing({ status: 500, type: 'InternalServerError' }),
  },
  {
    name: 'answers nobody',
    reason: /DEADLINE_EXCEEDED/,
    start: () => failing('hang'),
  },
  {
    name: 'the table is missing',
    reason: /limits/,
    isMistake: true,
    start: async () => {
      const scene = await serving();
      const create = async (): Promise<void> => {
        const backend = scene.backend('maker');
        await backend.ping(AbortSignal.timeout(20_000));
        await backend.close();
      };
      await create();
      return {
        ...scene,
        backend: (name) => dynamodbBackend({ client: scene.client, table: TABLE, name }),
        async break() {
          await scene.client.send(new DeleteTableCommand({ TableName: TABLE }));
          await eventually(() =>
            scene.client.send(new DescribeTableCommand({ TableName: TABLE })).then(
              () => false,
              () => true,
            ),
          );
        },
        mend: create,
      };
    },
  },
];
