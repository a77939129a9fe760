import { Module } from '@nestjs/common';
import { RateLimitModule } from 'nestjs-floodgate';
import { RateLimitDashboardModule } from 'nestjs-floodgate/dashboard';
import { RateLimitPrometheusModule } from 'nestjs-floodgate/prometheus';
import { CatalogueModule } from './catalogue/catalogue.module.js';
import { DemoModule } from './demo/demo.module.js';
import { Outage } from './demo/outage.js';
import { OutageModule } from './demo/outage.module.js';
import { BookGraphModule } from './graphql/graphql.module.js';
import { HealthModule } from './health/health.module.js';
import { HelpDeskModule } from './help-desk/help-desk.module.js';
import { LoginModule } from './login/login.module.js';
import { PartnerModule } from './partner/partner.module.js';
import { rateLimitOptions } from './rate-limit.settings.js';
import { SearchModule } from './search/search.module.js';
import { SummaryModule } from './summary/summary.module.js';
import { TillsModule } from './tills/tills.module.js';

/** A bookshop's API over HTTP, GraphQL, WebSocket and TCP, and a limit for each reason to have one. */
@Module({
  imports: [
    RateLimitModule.forRootAsync({
      imports: [OutageModule],
      inject: [Outage],
      useFactory: (outage: Outage) => rateLimitOptions(process.env, outage),
    }),
    // Without guards it serves this machine alone. A short history lets a demo be seen at once.
    RateLimitDashboardModule.forRoot({ actions: true, history: '3m' }),
    RateLimitPrometheusModule.forRoot(),
    CatalogueModule,
    LoginModule,
    SearchModule,
    SummaryModule,
    PartnerModule,
    BookGraphModule,
    HelpDeskModule,
    TillsModule,
    HealthModule,
    DemoModule,
  ],
})
export class AppModule {}
