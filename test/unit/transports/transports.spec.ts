import { Controller, type ExecutionContext } from '@nestjs/common';
import { firstValueFrom, type Observable } from 'rxjs';
import {
  BackendUnavailableError,
  BackendUnavailableFilter,
  CircuitOpenError,
  RateLimit,
  RateLimitExceededException,
  RateLimitGuard,
} from 'nestjs-floodgate';
import { Test } from '@nestjs/testing';
import { ExpressAdapter } from '@nestjs/platform-express';
import { RateLimitModule } from 'nestjs-floodgate';
import { decisionFor } from '../../../lib/guard/request-decision.js';
import { callOf, fakeResponse, type Target } from '../guard/calls.js';

@Controller()
class Anywhere {
  @RateLimit({ rate: '1/m', name: 'own', key: 'global' })
  handle(): void {
    // Called by nobody.
  }
  @RateLimit({ rate: '9/m', key: 'user' })
  ofUser(): void {
    // Called by nobody.
  }
}

const target: Target = { type: Anywhere, method: 'handle' };
const socket = { user: { id: 1 } };
const request = { ip: '192.0.2.1', user: { id: 1 } };

/** Arguments of a call, as each transport hands them to guards; a fresh call each time. */
const calls: [string, string, () => unknown[]][] = [
  ['RPC with an object', 'rpc', () => [{ a: 1 }, { pattern: 'x' }]],
  ['RPC with a frozen object', 'rpc', () => [Object.freeze({ a: 1 }), Object.freeze({ pattern: 'x' })]],
  ['RPC with text', 'rpc', () => ['text', { pattern: 'x' }]],
  ['RPC with a number', 'rpc', () => [42, { pattern: 'x' }]],
  ['RPC with nothing', 'rpc', () => [undefined, { pattern: 'x' }]],
  ['RPC with null', 'rpc', () => [null, { pattern: 'x' }]],
  ['a WebSocket message', 'ws', () => [socket, { a: 1 }, 'pattern']],
  ['a frozen WebSocket message', 'ws', () => [socket, Object.freeze({ a: 1 }), 'pattern']],
  ['a WebSocket text', 'ws', () => [{ ...socket }, 'text', 'pattern']],
  ['a WebSocket message of nothing', 'ws', () => [{ ...socket }, undefined, 'pattern']],
  ['GraphQL', 'graphql', () => [undefined, {}, { req: { ...request, res: fakeResponse() } }, { fieldName: 'x' }]],
  ['GraphQL with request and reply', 'graphql', () => [undefined, {}, { request, reply: fakeResponse() }, {}]],
  ['GraphQL without a request', 'graphql', () => [undefined, {}, {}, { fieldName: 'x' }]],
  ['GraphQL of a subscription', 'graphql', () => [undefined, {}, { req: request, res: { other: true } }, {}]],
  ['GraphQL with a text for context', 'graphql', () => [undefined, {}, 'context', { fieldName: 'x' }]],
  ['something that calls itself HTTP', 'http', () => [{ a: 1 }, { b: 2 }]],
  ['another transport', 'telegram', () => [{ a: 1 }]],
];

const start = async (): Promise<{ guard: RateLimitGuard; filter: BackendUnavailableFilter }> => {
  const module = await Test.createTestingModule({
    imports: [RateLimitModule.forRoot()],
    controllers: [Anywhere],
  }).compile();
  const app = module.createNestApplication(new ExpressAdapter(), { logger: false });
  await app.init();
  return { guard: app.get(RateLimitGuard), filter: app.get(BackendUnavailableFilter) };
};

describe('a call on any transport', () => {
  it.each(calls)('by %s is decided as over HTTP', async (_what, type, args) => {
    const { guard } = await start();
    const first = callOf(type, args(), target);
    expect(guard.canActivate(first)).toBe(true);
    expect(decisionFor(first)).toMatchObject({ kind: 'allowed', policies: [{ name: 'own' }] });
    const second = callOf(type, args(), target);
    expect(() => guard.canActivate(second)).toThrow(RateLimitExceededException);
  });

  it('of no object at all is decided, and its decision is not kept', async () => {
    const { guard } = await start();
    const context = callOf('rpc', ['text'], target);
    expect(guard.canActivate(context)).toBe(true);
    expect(decisionFor(context)).toMatchObject({ kind: 'unenforced', reason: 'skipped' });
  });

  it.each<[string, (response: object) => unknown[]]>([
    ['req.res', (res) => [undefined, {}, { req: { ...request, res } }, {}]],
    ['res', (res) => [undefined, {}, { req: request, res }, {}]],
    ['reply', (reply) => [undefined, {}, { request, reply }, {}]],
  ])("GraphQL has headers on the response that is its context's %s", async (_where, args) => {
    const { guard } = await start();
    const response = fakeResponse();
    expect(guard.canActivate(callOf('graphql', args(response), target))).toBe(true);
    expect(response.headers['RateLimit-Policy']).toBe('"own";q=1;w=60');
  });

  it('keeps two fields of one GraphQL request apart', async () => {
    const { guard } = await start();
    const [root, carrier] = [{}, { req: request }];
    const [one, other] = [{ fieldName: 'one' }, { fieldName: 'other' }].map((info) =>
      callOf('graphql', [root, {}, carrier, info], target),
    ) as [ExecutionContext, ExecutionContext];
    expect(guard.canActivate(one)).toBe(true);
    expect(() => guard.canActivate(other)).toThrow(RateLimitExceededException);
    expect(decisionFor(one).kind).toBe('allowed');
  });

  it('leaves payloads as they are', async () => {
    const { guard } = await start();
    const payload = { a: 1 };
    expect(guard.canActivate(callOf('rpc', [payload, {}], target))).toBe(true);
    expect(Reflect.ownKeys(payload)).toEqual(['a']);
  });

  it.each<[string, unknown[]]>([
    ['rpc', [{ user: { id: 7 } }, {}]],
    ['ws', [{ user: { id: 7 } }, 'text']],
    ['graphql', [undefined, {}, { req: { user: { id: 7 } } }, {}]],
  ])('by %s counts for its user', async (type, args) => {
    const { guard } = await start();
    const context = callOf(type, args, { type: Anywhere, method: 'ofUser' });
    expect(guard.canActivate(context)).toBe(true);
    expect(decisionFor(context).policies[0]!.remaining).toBe(8);
  });
});

const outage = ({ code, retryAfterMs }: BackendUnavailableError | CircuitOpenError): object => ({
  status: 'error',
  code,
  message: 'Service Unavailable',
  retryAfterMs,
});

describe('an outage, on another transport than HTTP', () => {
  const errors = [new BackendUnavailableError({ backend: 'secret' }), new CircuitOpenError('secret', 1_000)];

  it.each(errors)('is reported to RPC callers as Nest reports errors: %p', async (error) => {
    const { filter } = await start();
    const answer = filter.catch(error, callOf('rpc', ['text', {}])) as Observable<never>;
    await expect(firstValueFrom(answer)).rejects.toEqual(outage(error));
  });

  it.each(errors)('is told to a socket, and does not leave the filter of a gateway: %p', async (error) => {
    const { filter } = await start();
    const sent: unknown[] = [];
    const client = { emit: (...event: unknown[]) => sent.push(event) };
    expect(filter.catch(error, callOf('ws', [client, { a: 1 }, 'pattern']))).toBeUndefined();
    expect(sent).toEqual([['exception', outage(error)]]);
  });

  it.each([[{}], [undefined], ['text']])('does not leave it for want of a socket: %p', async (client) => {
    const { filter } = await start();
    for (const error of errors) expect(filter.catch(error, callOf('ws', [client, 'text', 'x']))).toBeUndefined();
  });

  it.each(errors)('is an error of the field to GraphQL callers: %p', async (error) => {
    const { filter } = await start();
    expect(() => filter.catch(error, callOf('graphql', [undefined, {}, {}, {}]))).toThrow('Service Unavailable');
  });
});
