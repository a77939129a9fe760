import type { Type } from '@nestjs/common';
import { type CanActivate, Module } from '@nestjs/common';
import { RateLimitGuard, RateLimitModule } from 'nestjs-floodgate';
import { platforms, startHttpApp } from '../support/http-app.js';
import { RunnableBlocks } from './runnable-blocks.js';

const blocks = await RunnableBlocks.of('docs/recipes.md');
afterAll(() => blocks[Symbol.asyncDispose]());

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

async function statuses(url: string, inits: readonly RequestInit[]): Promise<number[]> {
  const found: number[] = [];
  for (const init of inits) found.push((await fetch(url, init)).status);
  return found;
}

describe.each(platforms)('the recipes on %s', (platform) => {
  it('unlock a user', async () => {
    const { TransfersController, Support } =
      await blocks.exportsOf<Record<'TransfersController' | 'Support', Type>>('unlock.ts');
    const authenticating: CanActivate = {
      canActivate: (context) => {
        context.switchToHttp().getRequest<{ user?: unknown }>().user = { id: 'ann' };
        return true;
      },
    };
    @Module({
      imports: [RateLimitModule.forRoot({ bindGuard: false })],
      controllers: [TransfersController],
      providers: [Support],
    })
    class App {}
    await using app = await startHttpApp(platform, App, (started) => {
      started.useGlobalGuards(authenticating, started.get(RateLimitGuard));
    });
    const calls = [post({}), post({}), post({})];
    expect(await statuses(`${app.url}/transfers`, calls)).toEqual([201, 201, 429]);
    await (app.app.get(Support) as { unlock(id: string): Promise<void> }).unlock('bob');
    expect(await statuses(`${app.url}/transfers`, [post({})])).toEqual([429]);
    await (app.app.get(Support) as { unlock(id: string): Promise<void> }).unlock('ann');
    expect(await statuses(`${app.url}/transfers`, calls)).toEqual([201, 201, 429]);
  });

  it('limit each plan, and one not at all', async () => {
    const { ReportsModule } = await blocks.exportsOf<Record<'ReportsModule', Type>>('plans.ts');
    await using app = await startHttpApp(platform, ReportsModule);
    const call = (plan: string): RequestInit => ({ headers: { 'x-plan': plan, 'x-tenant': plan } });
    expect(await statuses(`${app.url}/reports`, Array<RequestInit>(4).fill(call('free')))).toEqual([
      200, 200, 200, 429,
    ]);
    expect(await statuses(`${app.url}/reports`, Array<RequestInit>(5).fill(call('enterprise')))).not.toContain(429);
    const business = await fetch(`${app.url}/reports`, call('business'));
    expect(business.headers.get('ratelimit-policy')).toBe('"plan";q=10000000;w=2592000');
    const unlimited = await fetch(`${app.url}/reports`, call('enterprise'));
    expect([unlimited.status, unlimited.headers.get('ratelimit-policy')]).toEqual([200, null]);
  });

  it('count failed logins by e-mail, whatever its case', async () => {
    const { LoginController } = await blocks.exportsOf<Record<'LoginController', Type>>('logins.ts');
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRoot({})],
      controllers: [LoginController],
    });
    const url = `${app.url}/login`;
    const wrong = (email: unknown): RequestInit => post({ email, password: 'wrong' });
    const right = post({ email: 'ANN@example.org', password: 'correct' });
    expect(await statuses(url, Array<RequestInit>(6).fill(right))).not.toContain(429);
    const spellings = ['ann@example.org', 'Ann@Example.org', ' ann@example.org', 'ANN@EXAMPLE.ORG', 'ann@example.org'];
    expect(await statuses(url, spellings.map(wrong))).toEqual([401, 401, 401, 401, 401]);
    expect(await statuses(url, [right, wrong('bob@example.org')])).toEqual([429, 401]);
    expect(await statuses(url, [undefined, ['a'], {}, '', 7, null].map(wrong))).toEqual([401, 401, 401, 401, 401, 429]);
  });

  it('name policies for bundlers', async () => {
    const { BundledModule } = await blocks.exportsOf<Record<'BundledModule', Type>>('bundled.ts');
    await using app = await startHttpApp(platform, BundledModule);
    expect((await fetch(`${app.url}/cats`)).headers.get('ratelimit-policy')).toBe('"cats";q=100;w=60');
  });
});
