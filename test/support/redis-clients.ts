import { GlideClient, GlideClusterClient } from '@valkey/valkey-glide';
import * as iovalkey from 'iovalkey';
import * as redis6 from 'redis';
import * as redis5 from 'redis5';
import type { RedisBackendOptions } from '../../lib/backends/redis/redis.backend.js';
import type { RedisClusterNode } from './redis-cluster.js';

type Client = NonNullable<RedisBackendOptions['client']>;

/** A client of a library, and what ends it. */
export interface TestClient {
  readonly client: Client;
  close(): unknown;
}

const ignore = (): void => undefined;

type Destroyable = Client & { destroy(): unknown };

/** Not connected, and nobody but the backend listens for its errors. */
function nodeRedis(client: Destroyable): TestClient {
  return { client, close: () => client.destroy() };
}

function ioredisLike(client: iovalkey.Redis | iovalkey.Cluster): TestClient {
  client.on('error', ignore);
  return { client, close: () => client.disconnect() };
}

/** As many at all times: otherwise a pool of version 5 that is closed throws when its timer finds it has too many. */
const POOL = { minimum: 4, maximum: 4 };

/** How each library makes a client of one server. */
export const SINGLE_CLIENTS: readonly (readonly [
  library: string,
  make: (address: RedisClusterNode) => TestClient | Promise<TestClient>,
])[] = [
  ['iovalkey', ({ port, host }) => ioredisLike(new iovalkey.Redis(port, host, { maxRetriesPerRequest: 1 }))],
  ['node-redis 6', (socket) => nodeRedis(redis6.createClient({ socket }))],
  ['node-redis 5', (socket) => nodeRedis(redis5.createClient({ socket }))],
  ['a pool of node-redis 6', (socket) => nodeRedis(redis6.createClientPool({ socket }, POOL))],
  ['a pool of node-redis 5', (socket) => nodeRedis(redis5.createClientPool({ socket }, POOL))],
  [
    'glide',
    async (address) => {
      const client = await GlideClient.createClient({ addresses: [address], requestTimeout: 2_000 });
      return { client, close: () => client.close() };
    },
  ],
];

/** How each library makes a client of a Cluster. */
export const CLUSTER_CLIENTS: readonly (readonly [
  library: string,
  make: (nodes: readonly RedisClusterNode[]) => TestClient | Promise<TestClient>,
])[] = [
  ['iovalkey', (nodes) => ioredisLike(new iovalkey.Cluster([...nodes]))],
  ['node-redis 6', (nodes) => nodeRedis(redis6.createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }))],
  ['node-redis 5', (nodes) => nodeRedis(redis5.createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }))],
  [
    'glide',
    async (addresses) => {
      const client = await GlideClusterClient.createClient({ addresses: [...addresses], requestTimeout: 2_000 });
      return { client, close: () => client.close() };
    },
  ],
];

/** How node-redis makes a client of Sentinel: version 6, and version 5. */
export const SENTINEL_CLIENTS: readonly ((name: string, sentinels: readonly RedisClusterNode[]) => TestClient)[] = [
  (name, nodes) => nodeRedis(redis6.createSentinel({ name, sentinelRootNodes: [...nodes] })),
  (name, nodes) => nodeRedis(redis5.createSentinel({ name, sentinelRootNodes: [...nodes] })),
];
