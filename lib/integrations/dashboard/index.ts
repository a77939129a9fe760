export type { RateLimitDashboardOptions } from './dashboard.options.js';
export type {
  DashboardBackend,
  DashboardBreaker,
  DashboardKey,
  DashboardOutage,
  DashboardPolicy,
  DashboardSeries,
  DashboardState,
  DashboardTrial,
  DashboardUncounted,
} from './dashboard.schema.js';
export { RateLimitDashboardModule } from './rate-limit-dashboard.module.js';
