import { Controller, Get } from '@nestjs/common';
import { RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { platforms, startHttpApp } from '../support/http-app.js';

@Controller()
class CatsController {
  @RateLimit('3/m')
  @Get('cats')
  cats(): string {
    return 'cats';
  }

  @RateLimit('50/m')
  @Get('flood')
  flood(): string {
    return 'flood';
  }
}

describe.each(platforms)('a limited route on %s', (platform) => {
  it('answers 200 three times and then 429, with headers', async () => {
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRoot()],
      controllers: [CatsController],
    });
    const statuses: number[] = [];
    for (let call = 0; call < 3; call += 1) statuses.push((await fetch(`${app.url}/cats`)).status);
    const last = await fetch(`${app.url}/cats`);
    expect([...statuses, last.status]).toEqual([200, 200, 200, 429]);
    expect(last.headers.get('ratelimit-policy')).toBe('"3/m";q=3;w=60');
    expect(last.headers.get('ratelimit')).toMatch(/^"3\/m";r=0;t=\d+$/);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await last.json()).toEqual({ statusCode: 429, message: 'Too Many Requests' });
  });

  it('admits exactly 50 of 200 parallel requests under a limit of 50', async () => {
    await using app = await startHttpApp(platform, {
      imports: [RateLimitModule.forRoot()],
      controllers: [CatsController],
    });
    const statuses = await Promise.all(
      Array.from({ length: 200 }, async () => (await fetch(`${app.url}/flood`)).status),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(50);
    expect(statuses.filter((status) => status === 429)).toHaveLength(150);
  });
});
