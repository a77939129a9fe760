import { type DynamicModule, Module } from '@nestjs/common';
import { DashboardAccess } from './dashboard-access.guard.js';
import { DashboardActions } from './dashboard.actions.js';
import { dashboardController } from './dashboard.controller.js';
import { DASHBOARD_SETTINGS, dashboardSettings, type RateLimitDashboardOptions } from './dashboard.options.js';
import { DashboardService } from './dashboard.service.js';

/**
 * A live page of the limiter: policies, backends, circuit breakers and the most limited keys.
 *
 * Without `guards` it only serves this machine. Global guards of the application apply to it, too.
 *
 * @example
 * \@Module({ imports: [RateLimitModule.forRoot(), RateLimitDashboardModule.forRoot({ guards: [AdminGuard] })] })
 * export class AppModule {}
 */
@Module({})
export class RateLimitDashboardModule {
  /**
   * @param options all have defaults
   * @throws RateLimitConfigurationError for an option that is wrong
   */
  static forRoot(options: RateLimitDashboardOptions = {}): DynamicModule {
    const settings = dashboardSettings(options);
    return {
      module: RateLimitDashboardModule,
      controllers: [dashboardController(settings.path)],
      providers: [
        { provide: DASHBOARD_SETTINGS, useValue: settings },
        DashboardService,
        DashboardActions,
        DashboardAccess,
      ],
    };
  }
}
