import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { BackendService, RateLimitModule } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { floodgate } from '../cli/command-line.js';
import { RedisServer } from '../support/redis-server.js';
import { stepsOf } from './console-session.js';
import { blocksOf } from './markdown.js';

const steps = blocksOf('docs/command-line.md')
  .filter(({ language }) => language === 'console')
  .flatMap(({ text }) => stepsOf(text));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'floodgate-page-'));
  await writeFile(join(folder, 'access.log'), accessLog());
});
afterAll(() => rm(folder, { recursive: true }));

/** Forty thousand calls in a day, of many clients and of twelve that are too fast. */
function accessLog(): string {
  const fast = [38, 25, 18, 12, 10, 5, 4, 3, 2, 2, 1, 1].flatMap((over, client) => {
    const address = client < 9 ? `203.0.113.${client + 10}` : `198.51.100.${client}`;
    return Array.from({ length: 100 + over }, () => ({ address, second: 3_600 * client }));
  });
  const quiet = Array.from({ length: 40_000 - fast.length }, (_, index) => ({
    address: `10.0.${(index * 7) % 200}.${index % 250}`,
    second: Math.floor((index * 86_400) / 40_000),
  }));
  const lines = [...fast, ...quiet]
    .sort((one, other) => one.second - other.second)
    .map(({ address, second }) => {
      const time = new Date(second * 1_000).toISOString().slice(11, 19);
      return `${address} - - [25/Nov/2026:${time} +0000] "GET / HTTP/1.1" 200 512 "-" "-"\n`;
    });
  return lines.join('') + 'half a line';
}

/** Runs `npx floodgate …` with this server and this log. */
async function print(command: string, url: string): Promise<string> {
  const [npx, program, ...words] = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  expect([npx, program]).toEqual(['npx', 'floodgate']);
  const own = words.map((word) =>
    word === 'redis://localhost:6379' ? url : word === 'access.log' ? join(folder, word) : word,
  );
  const { text, errors } = await floodgate(...own);
  return (text + errors)
    .replaceAll(join(folder, 'access.log'), 'access.log')
    .replaceAll(/(redis at) 127\.0\.0\.1:\d+/g, '$1 localhost:6379')
    .trim();
}

/** Without what differs from one run to the next: how long it takes until counters are over, and latencies. */
const timeless = (text: string): string =>
  text
    .replaceAll(/ {2}\d+ (?:ms|[smhd])(?: \d+ [smhd])?$/gm, '  T')
    .replaceAll(/in [\d.]+ ms/g, 'in T ms')
    .replaceAll(/Error: connect/g, 'connect')
    .replaceAll(/OVER IN +$/gm, 'OVER IN');

it('the page of the command line prints what it says', async () => {
  await using redis = await RedisServer.start();
  const policies = {
    login: { rate: '5/15m', blockFor: '1h' },
    api: '100/h',
    tokens: { rate: '10/h', algorithm: 'token-bucket' },
  } as const;
  const module = RateLimitModule.forRoot({ backend: redisBackend({ url: redis.url }), policies, timeout: '10s' });
  const app = (await Test.createTestingModule({ imports: [module] }).compile()).createNestApplication();
  await app.init();
  const service = app.get(BackendService);
  const consume = async (key: string, names: string[], cost: number): Promise<void> => {
    await service.consume(key, names, { cost });
  };
  await consume('user:42', ['login'], 3);
  await consume('user:42', ['api', 'tokens'], 4);
  await consume('ip:203.0.113.9', ['login'], 5);
  await consume('ip:203.0.113.9', ['login'], 1);
  await consume('user:7', ['api'], 80);
  await app.close();
  expect(steps.length).toBeGreaterThan(8);
  for (const { command, output } of steps) {
    const printed = await print(command, redis.url);
    if (process.env['PRINT']) process.stderr.write(`$ ${command}\n${printed}\n`);
    else expect(`$ ${command}\n${timeless(printed)}`).toBe(`$ ${command}\n${timeless(output)}`);
  }
});
