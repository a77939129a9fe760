import { Counter, Gauge, type Histogram } from 'prom-client';
import { RateLimitConfigurationError } from '../../contracts/errors.js';
import { LabelHistogram } from './label-histogram.js';
import { LabelTally } from './label-tally.js';
import type { MetricsRegistry } from './prometheus.options.js';

/** Makes metrics under one prefix in one registry, and takes them out again. */
export class RegisteredMetrics {
  private readonly names: string[] = [];

  constructor(
    private readonly registry: MetricsRegistry,
    private readonly prefix: string,
  ) {}

  counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter(this.described(name, help, labelNames));
  }

  /** A counter of what happens in every request; prom-client gets its counts at each scrape. */
  tally(name: string, help: string, labelNames: readonly string[]): LabelTally {
    const tally = new LabelTally();
    new Counter({
      ...this.described(name, help, labelNames),
      collect(this: Counter) {
        this.reset();
        for (const [values, count] of tally.entries()) this.labels(...values).inc(count);
      },
    });
    return tally;
  }

  /** @param collect sets the gauge at each scrape */
  gauge<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    collect?: (gauge: Gauge<L>) => void,
  ): Gauge<L> {
    const description = this.described(name, help, labelNames);
    if (collect === undefined) return new Gauge(description);
    return new Gauge({
      ...description,
      collect() {
        collect(this);
      },
    });
  }

  /** @param bounds upper bounds of the buckets, lowest first */
  histogram(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]): LabelHistogram {
    const histogram = new LabelHistogram(this.described(name, help, labelNames), bounds);
    this.registry.registerMetric(histogram as unknown as Histogram);
    return histogram;
  }

  /** Takes the metrics out of the registry: it may be the application's own, and live longer. */
  remove(): void {
    for (const name of this.names) this.registry.removeSingleMetric(name);
  }

  private described<L extends string>(suffix: string, help: string, labelNames: readonly L[]) {
    const name = `${this.prefix}_${suffix}`;
    if (this.registry.getSingleMetric(name) !== undefined) {
      throw new RateLimitConfigurationError(
        'RateLimitPrometheusModule.registry',
        name,
        'The registry has a metric of this name: give each application a registry or a prefix of its own.',
      );
    }
    this.names.push(name);
    return { name, help, labelNames, registers: [this.registry] };
  }
}
