import type { OpenMetricsContentType, Registry } from 'prom-client';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { anObject, onlyKnown } from '../../policies/option-checks.js';

/** A registry of prom-client, of either format. */
export type MetricsRegistry = Registry | Registry<OpenMetricsContentType>;

/** Options of `RateLimitPrometheusModule`. All have defaults. */
export interface RateLimitPrometheusOptions {
  /** The registry of the metrics. Default: the module's own registry. */
  readonly registry?: MetricsRegistry;
  /** Path that serves the registry, under the application's global prefix; `false`: none. Default `/metrics`. */
  readonly path?: string | false;
  /** The prefix of each metric name. Default `floodgate`. */
  readonly prefix?: string;
}

/** The options with their defaults. @internal */
export interface PrometheusSettings {
  readonly registry: MetricsRegistry | undefined;
  readonly path: string | false;
  readonly prefix: string;
}

const OPTION = 'RateLimitPrometheusModule';

/** @throws RateLimitConfigurationError naming the option, the value and the mend */
export function prometheusSettings(options: RateLimitPrometheusOptions): PrometheusSettings {
  anObject(OPTION, options, "Give an object of options, such as { path: '/metrics' }.");
  onlyKnown(OPTION, options, ['registry', 'path', 'prefix']);
  const { registry, path = '/metrics', prefix = 'floodgate' } = options;
  if (registry !== undefined && typeof registry.registerMetric !== 'function') {
    throw new RateLimitConfigurationError(`${OPTION}.registry`, registry, 'Give a Registry of prom-client.');
  }
  if (path !== false && (typeof path !== 'string' || path.replaceAll('/', '') === '')) {
    throw new RateLimitConfigurationError(`${OPTION}.path`, path, "Give a path such as '/metrics', or false.");
  }
  if (typeof prefix !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix)) {
    throw new RateLimitConfigurationError(
      `${OPTION}.prefix`,
      prefix,
      'Give letters, digits and underscores, the first no digit.',
    );
  }
  return { registry, path, prefix };
}
