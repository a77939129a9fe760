import type { CanActivate, Type } from '@nestjs/common';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import type { Duration } from '../../contracts/policy.js';
import { parseDuration } from '../../policies/duration.js';
import { aBoolean, anObject, onlyKnown } from '../../policies/option-checks.js';

/** Options of `RateLimitDashboardModule`. All have defaults. */
export interface RateLimitDashboardOptions {
  /** Path of the page, under the application's global prefix. Default `/floodgate`. */
  readonly path?: string;
  /**
   * Guards that must all let a call of the page pass: providers of the application, or classes that Nest can create.
   * Default: none; then the page only serves this machine.
   */
  readonly guards?: readonly Type<CanActivate>[];
  /** Whether the page can change something: reset a key, reset or force a breaker. Default false. */
  readonly actions?: boolean;
  /** Whether keys are readable; otherwise their hashes are shown. Default false. */
  readonly showKeys?: boolean;
  /** The time that the page shows: 1 minute to 24 hours. Default 15 minutes. */
  readonly history?: Duration;
}

/** The options with their defaults. @internal */
export interface DashboardSettings {
  readonly path: string;
  readonly guards: readonly Type<CanActivate>[];
  readonly actions: boolean;
  readonly showKeys: boolean;
  readonly historyMs: number;
}

/** Token of `DashboardSettings`. @internal */
export const DASHBOARD_SETTINGS = Symbol.for('nestjs-floodgate:dashboard-settings');

const OPTION = 'RateLimitDashboardModule';
const LEAST_MS = 60_000;
const MOST_MS = 86_400_000;

/** @throws RateLimitConfigurationError naming the option, the value and the mend */
export function dashboardSettings(options: RateLimitDashboardOptions): DashboardSettings {
  anObject(OPTION, options, "Give an object of options, such as { path: '/floodgate' }.");
  onlyKnown(OPTION, options, ['path', 'guards', 'actions', 'showKeys', 'history']);
  const { path = '/floodgate', guards = [], actions = false, showKeys = false, history = '15m' } = options;
  if (typeof path !== 'string' || path.replaceAll('/', '') === '') {
    throw new RateLimitConfigurationError(`${OPTION}.path`, path, "Give a path such as '/floodgate'.");
  }
  if (!Array.isArray(guards) || guards.some((guard) => typeof guard !== 'function')) {
    throw new RateLimitConfigurationError(`${OPTION}.guards`, guards, 'Give an array of guard classes.');
  }
  aBoolean(`${OPTION}.actions`, actions);
  aBoolean(`${OPTION}.showKeys`, showKeys);
  const historyMs = parseDuration(`${OPTION}.history`, history, MOST_MS);
  if (historyMs < LEAST_MS) {
    throw new RateLimitConfigurationError(`${OPTION}.history`, history, 'Give 1 minute to 24 hours.');
  }
  return { path, guards, actions, showKeys, historyMs };
}
