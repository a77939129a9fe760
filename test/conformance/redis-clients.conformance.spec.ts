import { redisBackend } from '../../lib/backends/redis/redis.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { SINGLE_CLIENTS, type TestClient } from '../support/redis-clients.js';
import { RedisServer } from '../support/redis-server.js';

/** A pool sends as its clients do. */
const LIBRARIES = SINGLE_CLIENTS.filter(([library]) => !library.includes('pool'));

let server: RedisServer;
const clients: TestClient[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
  for (const [, make] of LIBRARIES) clients.push(await make(server));
});

afterAll(async () => {
  await Promise.all(clients.map(({ close }) => close()));
  await server.stop();
});

for (const [index, [library]] of LIBRARIES.entries()) {
  describeConformance(
    { describe, it },
    {
      name: `Redis by ${library}`,
      create: () => redisBackend({ client: clients[index]!.client, keyPrefix: `${index}:` }),
    },
  );
}
