import { CircuitBreakerRegistry, type FailureMode, RateLimitModule } from 'nestjs-floodgate';
import { eventually } from '../../support/eventually.js';
import { RedisServer } from '../../support/redis-server.js';
import { expectNoUnhandled } from '../../support/unhandled.js';
import {
  type Cell,
  fail,
  type HandlerName,
  heard,
  LIMIT,
  type Refused,
  type RunningCell,
  type Told,
} from './cells/cell.js';
import { graphqlCells } from './cells/graphql.cell.js';
import { grpcCell } from './cells/grpc.cell.js';
import { httpCells } from './cells/http.cell.js';
import { rpcCells } from './cells/rpc.cell.js';
import { webSocketCells } from './cells/websocket.cell.js';
import { Lines } from './lines.js';
import { SwitchedBackend } from './switched-backend.js';

/** What an outage does to so many calls, by the failure mode: how many pass, and what the others are told. */
interface Outcome {
  readonly passed: (calls: number) => number;
  readonly code: string | undefined;
}

const OUTCOMES: readonly (readonly [FailureMode, Outcome])[] = [
  ['closed', { passed: () => 0, code: 'BACKEND_UNAVAILABLE' }],
  ['open', { passed: (calls) => calls, code: undefined }],
  ['local', { passed: () => LIMIT, code: 'RATE_LIMITED' }],
];

const PARALLEL = 50;
const OUTAGE = 1_000;

const many = (count: number, handler: HandlerName): HandlerName[] => Array<HandlerName>(count).fill(handler);
const answersOf = (told: readonly Told[], handler: HandlerName): number => told.filter((one) => one === handler).length;
const refusalsOf = (told: readonly Told[]): readonly Refused[] => told.filter((one) => typeof one === 'object');

/** No name of a backend or a breaker, no key and no stack. */
const LEAK = /secret|switched|127\.0\.0\.1|\.js:|\.ts:/;

function expectRefusals(told: readonly Told[], code: string | undefined): void {
  const refusals = refusalsOf(told);
  expect([...new Set(refusals.map((one) => one.code))]).toEqual(refusals.length === 0 ? [] : [code]);
  for (const { retryAfterMs, raw } of refusals) {
    // While a probe is under way, nobody knows when the backend is back: that is 0.
    expect(retryAfterMs).toBeGreaterThanOrEqual(code === 'BACKEND_UNAVAILABLE' ? 0 : 1);
    expect(raw).not.toMatch(LEAK);
  }
}

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const cells: readonly Cell[] = [
  ...httpCells,
  ...graphqlCells,
  ...webSocketCells,
  ...rpcCells(() => redis.port),
  grpcCell,
];

describe.each(cells.map((cell) => [cell.name, cell] as const))('%s', (_name, cell) => {
  describe.each(OUTCOMES)('with failure mode %s', (failureMode, outcome) => {
    const backend = new SwitchedBackend();
    const lines = new Lines();
    let running: RunningCell;

    beforeAll(async () => {
      const limits = RateLimitModule.forRoot({
        backend,
        failureMode,
        policies: { api: '1/m' },
        circuitBreaker: { failureThreshold: 3, recoveryTimeout: '50ms', backoffMax: '50ms' },
      });
      running = await cell.start(limits, lines);
    });
    afterAll(async () => {
      await running.client.close();
      await running.app.close();
    });
    beforeEach(() => {
      heard.events = 0;
      lines.clear();
    });

    it('admits exactly the limit of parallel calls, and harms nothing else', () =>
      expectNoUnhandled(async () => {
        const { client } = running;
        const told = await client.call([...many(PARALLEL, 'ask'), ...many(3, 'free')]);
        expect(answersOf(told, 'ask')).toBe(LIMIT);
        expect(answersOf(told, 'free')).toBe(3);
        expect(refusalsOf(told)).toHaveLength(PARALLEL - LIMIT);
        expectRefusals(told, 'RATE_LIMITED');
        if (client.emit !== undefined) {
          await client.emit(PARALLEL);
          expect(heard.events).toBe(LIMIT);
        }
        expect(client.lost()).toBe(0);
        expect(lines.errors).toEqual([]);
      }));

    it('an outage has its shape, one line when it begins and one when it ends', () =>
      expectNoUnhandled(async () => {
        const { client } = running;
        backend.isOff = true;
        const told = await client.call([...many(OUTAGE, 'ask'), ...many(3, 'free')]);
        if (client.emit !== undefined) await client.emit(OUTAGE);
        backend.isOff = false;
        expect(answersOf(told, 'ask')).toBe(outcome.passed(OUTAGE));
        expect(answersOf(told, 'free')).toBe(3);
        expect(refusalsOf(told)).toHaveLength(OUTAGE - outcome.passed(OUTAGE));
        expectRefusals(told, outcome.code);
        if (client.emit !== undefined) expect(heard.events).toBe(outcome.passed(OUTAGE));
        expect(lines.warnings).toEqual([expect.stringContaining(`Failure mode '${failureMode}'`)]);
        await eventually(
          async () => refusalsOf(await client.call(['ask']))[0]?.code === 'RATE_LIMITED' && lines.infos.length > 0,
        );
        expect(lines.infos).toEqual([expect.stringContaining('is back')]);
        expect(lines.warnings).toHaveLength(1);
        expect(lines.errors).toEqual([]);
        expect(client.lost()).toBe(0);
      }));

    it('an open circuit has the shape of an outage', () =>
      expectNoUnhandled(async () => {
        const { app, client } = running;
        const breaker = app.get(CircuitBreakerRegistry).get('secret-partner');
        await breaker?.execute(fail).catch(() => undefined);
        lines.clear();
        const told = await client.call([...many(PARALLEL, 'partner'), 'free']);
        expect(answersOf(told, 'free')).toBe(1);
        expect(refusalsOf(told)).toHaveLength(PARALLEL);
        expectRefusals(told, cell.circuitCode);
        expect(lines.errors).toEqual([]);
        expect(client.lost()).toBe(0);
      }));
  });
});
