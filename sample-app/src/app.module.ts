import { Module } from '@nestjs/common';
import { RateLimitModule } from 'nestjs-floodgate';
import { RateLimitDashboardModule } from 'nestjs-floodgate/dashboard';
import { RateLimitPrometheusModule } from 'nestjs-floodgate/prometheus';
import { CatalogueModule } from './catalogue/catalogue.module.js';
import { HealthModule } from './health/health.module.js';
import { LoginModule } from './login/login.module.js';
import { PartnerModule } from './partner/partner.module.js';
import { rateLimitOptions } from './rate-limit.settings.js';
import { SearchModule } from './search/search.module.js';
import { SummaryModule } from './summary/summary.module.js';

/** A bookshop's API, and a limit for each reason to have one. */
@Module({
  imports: [
    RateLimitModule.forRootAsync({ useFactory: () => rateLimitOptions(process.env) }),
    // Without guards it serves this machine alone.
    RateLimitDashboardModule.forRoot({ actions: true }),
    RateLimitPrometheusModule.forRoot(),
    CatalogueModule,
    LoginModule,
    SearchModule,
    SummaryModule,
    PartnerModule,
    HealthModule,
  ],
})
export class AppModule {}
