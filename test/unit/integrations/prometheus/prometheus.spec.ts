import { Controller, Get, Param } from '@nestjs/common';
import { RateLimit, RateLimitModule, SkipRateLimit } from 'nestjs-floodgate';
import { RateLimitPrometheusModule } from 'nestjs-floodgate/prometheus';
import { platforms, startHttpApp } from '../../../support/http-app.js';
import { MetricsPage } from '../../../support/metrics-page.js';

@Controller()
class Cats {
  @RateLimit('cats')
  @Get('cats')
  all(): string {
    return 'all';
  }

  @SkipRateLimit()
  @Get('free')
  free(): string {
    return 'free';
  }

  @RateLimit({ name: 'by-id', rate: '2/m', key: 'param:id' })
  @Get('cats/:id')
  one(@Param('id') id: string): string {
    return id;
  }
}

const request = async (url: string, times: number): Promise<number[]> => {
  const statuses: number[] = [];
  for (let index = 0; index < times; index += 1) statuses.push((await fetch(url)).status);
  return statuses;
};

describe.each(platforms)('metrics on %s', (platform) => {
  it('tell what became of each call', async () => {
    await using http = await startHttpApp(platform, {
      imports: [
        RateLimitModule.forRoot({ policies: { api: '100/m', cats: '5/m' }, apply: ['api'] }),
        RateLimitPrometheusModule.forRoot(),
      ],
      controllers: [Cats],
    });
    await request(`${http.url}/cats`, 7);
    await request(`${http.url}/free`, 3);
    const page = await MetricsPage.of(`${http.url}/metrics`);
    expect(page.series('floodgate_requests_total')).toEqual({
      '{policy="api",result="allowed",source="primary"}': 5,
      '{policy="cats",result="allowed",source="primary"}': 5,
      '{policy="cats",result="limited",source="primary"}': 2,
      '{policy="",result="skipped",source="none"}': 3,
    });
  });
});
