import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  Logger,
  type Provider,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { jest } from '@jest/globals';
import {
  type KeyInput,
  type KeyResolver,
  RateLimit,
  RateLimitModule,
  type RateLimitModuleOptions,
} from 'nestjs-floodgate';
import { platforms, startHttpApp, type Platform } from '../support/http-app.js';
import { recordingBackend } from '../unit/guard/recording-backend.js';

interface Asked {
  readonly keys: readonly string[];
  readonly status: number;
  readonly body: unknown;
  readonly warnings: readonly string[];
}

interface Setup {
  readonly options?: RateLimitModuleOptions;
  readonly providers?: Provider[];
  readonly trustProxy?: boolean;
}

/** Calls a route that is limited by a key, and tells under which keys it was charged. */
async function ask(
  platform: Platform,
  key: KeyInput | undefined,
  paths: readonly string[],
  init: RequestInit = {},
  { options = {}, providers = [], trustProxy = false }: Setup = {},
): Promise<Asked> {
  @Controller()
  class KeyedController {
    @RateLimit(key === undefined ? '9/m' : { rate: '9/m', key })
    @Get(['keyed', 'keyed/:id'])
    keyed(): string {
      return 'keyed';
    }
  }
  const backend = recordingBackend();
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  try {
    await using app = await startHttpApp(
      platform,
      { imports: [RateLimitModule.forRoot({ ...options, backend })], controllers: [KeyedController], providers },
      undefined,
      { trustProxy },
    );
    let last: Response | undefined;
    for (const path of paths) last = await fetch(app.url + path, init);
    const warnings = warn.mock.calls.map(([message]) => String(message));
    return { keys: backend.keys(), status: last!.status, body: await last!.text(), warnings };
  } finally {
    warn.mockRestore();
  }
}

@Injectable()
class TenantKey implements KeyResolver {
  resolve(context: ExecutionContext): string {
    const request = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
    return `tenant:${request.headers['x-tenant']}`;
  }
}

@Injectable()
class Authentication implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    context.switchToHttp().getRequest<{ user?: unknown }>().user = { id: 42 };
    return true;
  }
}

const IP = 'ip:127.0.0.1';
const tenant = { headers: { 'x-tenant': 'acme' } };
const forwarded = (address: string): RequestInit => ({ headers: { 'x-forwarded-for': address } });

describe.each(platforms)('the partition key on %s', (platform) => {
  it.each<[string, KeyInput | undefined, string, RequestInit, string]>([
    ['the ip by default', undefined, '/keyed', {}, IP],
    ['the ip', 'ip', '/keyed', {}, IP],
    ['one for everybody', 'global', '/keyed', {}, 'global'],
    ['a header, whatever the case of its name', 'header:X-Tenant', '/keyed', tenant, 'header:x-tenant:acme'],
    ['a query value', 'query:q', '/keyed?q=a%7Cb', {}, 'query:q:a|b'],
    ['a query value given twice', 'query:q', '/keyed?q=a&q=b', {}, 'query:q:a,b'],
    ['a route value', 'param:id', '/keyed/7', {}, 'param:id:7'],
    ['a function', () => 'verbatim key', '/keyed', {}, 'verbatim key'],
    ['an async function', async () => 'later', '/keyed', {}, 'later'],
    ['a class that is not provided', TenantKey, '/keyed', tenant, 'tenant:acme'],
    ['several, composed', ['global', 'query:q', 'ip'], '/keyed?q=a%7Cb', {}, `global|query:q:a%7Cb|${IP}`],
    ['an array of one', ['ip'], '/keyed', {}, IP],
  ])('is %s', async (_what, key, path, init, expected) => {
    const { keys, status, warnings } = await ask(platform, key, [path], init);
    expect({ keys, status, warnings }).toEqual({ keys: [expected], status: 200, warnings: [] });
  });

  it.each<[KeyInput, string]>([
    ['header:x-tenant', '/keyed'],
    ['header:__proto__', '/keyed'],
    ['header:constructor', '/keyed'],
    ['query:q', '/keyed'],
    ['query:q', '/keyed?q='],
    ['query:q', '/keyed?q=&q='],
    ['query:q', '/keyed?q[a]=1'],
    ['query:__proto__', '/keyed?__proto__[a]=1'],
    ['query:toString', '/keyed'],
    ['param:id', '/keyed'],
    ['param:other', '/keyed/7'],
    ['user', '/keyed'],
  ])('falls back from a missing %s of %s to the ip, and says so once', async (key, path) => {
    const { keys, warnings } = await ask(platform, key, [path, path, path]);
    expect(keys).toEqual([IP, IP, IP]);
    expect(warnings).toEqual([`A call lacks the key '${String(key)}': such calls are limited by ip instead.`]);
  });

  it('falls back within a composed key too', async () => {
    const { keys, warnings } = await ask(platform, ['global', 'header:x-tenant'], ['/keyed', '/keyed']);
    expect(keys).toEqual([`global|${IP}`, `global|${IP}`]);
    expect(warnings).toHaveLength(1);
  });

  it.each<KeyInput>(['user', 'user-or-ip'])('is the %s whom a global guard of the root module found', async (key) => {
    const { keys, warnings } = await ask(
      platform,
      key,
      ['/keyed'],
      {},
      { providers: [{ provide: APP_GUARD, useClass: Authentication }] },
    );
    expect({ keys, warnings }).toEqual({ keys: ['user:42'], warnings: [] });
  });

  it('takes `user-or-ip` without a user as expected, and does not warn', async () => {
    const { keys, warnings } = await ask(platform, 'user-or-ip', ['/keyed']);
    expect({ keys, warnings }).toEqual({ keys: [IP], warnings: [] });
  });

  it('ignores a forged X-Forwarded-For unless a proxy is trusted', async () => {
    const { keys } = await ask(platform, 'ip', ['/keyed'], forwarded('192.0.2.66'));
    expect(keys).toEqual([IP]);
  });

  it.each([
    ['an IPv4 address', '192.0.2.1', 'ip:192.0.2.1'],
    ['an IPv4-mapped address', '::ffff:192.0.2.1', 'ip:192.0.2.1'],
    ['an IPv6 address by its network', '2001:db8:1:2:3:4:5:6', 'ip:2001:db8:1:2::/64'],
  ])('takes %s of a trusted proxy', async (_what, address, expected) => {
    const { keys } = await ask(platform, 'ip', ['/keyed'], forwarded(address), { trustProxy: true });
    expect(keys).toEqual([expected]);
  });

  it('groups IPv6 addresses by as many bits as it is told', async () => {
    const setup = { trustProxy: true, options: { ipv6PrefixBits: 48 } };
    const { keys } = await ask(platform, 'ip', ['/keyed'], forwarded('2001:db8:1:2:3:4:5:6'), setup);
    expect(keys).toEqual(['ip:2001:db8:1::/48']);
  });

  it('is the key of the module where a policy names none', async () => {
    const { keys } = await ask(platform, undefined, ['/keyed'], {}, { options: { key: 'global' } });
    expect(keys).toEqual(['global']);
  });

  it.each<[string, KeyInput]>([
    ['undefined', () => undefined],
    ['an empty string', () => ''],
    ['a promise of nothing', async () => undefined],
  ])('is the address of those for whom a function returns %s', async (_what, key) => {
    const { keys, status } = await ask(platform, key, ['/keyed']);
    expect({ keys, status }).toEqual({ keys: ['ip:127.0.0.1'], status: 200 });
  });

  it.each<[string, KeyInput]>([
    ['a number', (() => 42) as unknown as KeyInput],
    ['a promise of a list', (async () => ['7']) as unknown as KeyInput],
  ])('is never shared by those for whom a function returns %s: that is an error', async (_what, key) => {
    const { keys, status, body } = await ask(platform, key, ['/keyed']);
    expect({ keys, status }).toEqual({ keys: [], status: 500 });
    expect(body).toBe('{"statusCode":500,"message":"Internal server error"}');
  });

  it('hands on what a key function throws, in whatever failure mode', async () => {
    const broken = (): string => {
      throw new Error('bug');
    };
    const { keys, status } = await ask(platform, broken, ['/keyed'], {}, { options: { failureMode: 'open' } });
    expect({ keys, status }).toEqual({ keys: [], status: 500 });
  });
});
