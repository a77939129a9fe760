import { redisBackend } from '../../lib/backends/redis/redis.backend.js';
import { describeConformance } from '../../lib/testing/conformance.js';
import { SINGLE_CLIENTS, type TestClient } from '../support/redis-clients.js';
import { RedisServer } from '../support/redis-server.js';

let server: RedisServer;
const clients: TestClient[] = [];

beforeAll(async () => {
  server = await RedisServer.start();
  for (const [, make] of SINGLE_CLIENTS) clients.push(await make(server));
});

afterAll(async () => {
  clients.forEach(({ close }) => close());
  await server.stop();
});

for (const [index, [library]] of SINGLE_CLIENTS.entries()) {
  describeConformance(
    { describe, it },
    { name: `Redis by ${library}`, create: () => redisBackend({ client: clients[index]!.client, keyPrefix: `${index}:` }) },
  );
}
