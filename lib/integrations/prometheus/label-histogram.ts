import type { MetricObjectWithValues, MetricValueWithName } from 'prom-client';
import { LabelTree } from './label-tree.js';

/** What was observed under the values of labels. */
interface Series {
  /** Of each bucket alone; the last is beyond all bounds. */
  readonly counts: Float64Array;
  sum: number;
  count: number;
}

/**
 * A histogram of what happens in every request: prom-client's own looks up a text that it makes of the labels each time.
 * To a registry it looks like one of prom-client.
 */
export class LabelHistogram {
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly name: string;
  readonly help: string;
  private readonly labelNames: readonly string[];
  private series: LabelTree<Series>;

  /** @param bounds upper bounds of the buckets, lowest first */
  constructor(
    {
      name,
      help,
      labelNames,
    }: { readonly name: string; readonly help: string; readonly labelNames: readonly string[] },
    private readonly bounds: readonly number[],
  ) {
    this.name = name;
    this.help = help;
    this.labelNames = labelNames;
    this.series = this.none();
  }

  /** @param labels values of the labels, in the order of their names */
  observe(value: number, first: string, second?: string, third?: string): void {
    const series = this.series.at(first, second, third);
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += value;
    series.count += 1;
  }

  /** What registries ask for. */
  get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help, type, aggregator } = this;
    const values = this.series.entries().flatMap(([labels, series]) => this.valuesOf(labels, series));
    return Promise.resolve({ name, help, type: type as never, aggregator, values, collect: undefined as never });
  }

  /** The same, as prom-client 15 asks for it to print it. */
  getForPromString(): ReturnType<LabelHistogram['get']> {
    return this.get();
  }

  reset(): void {
    this.series = this.none();
  }

  private none(): LabelTree<Series> {
    return new LabelTree(() => ({ counts: new Float64Array(this.bounds.length + 1), sum: 0, count: 0 }));
  }

  private valuesOf(texts: readonly string[], { counts, sum, count }: Series): MetricValueWithName<string>[] {
    const labels = Object.fromEntries(this.labelNames.map((label, index) => [label, texts[index] ?? '']));
    let upTo = 0;
    const buckets = [...this.bounds, '+Inf'].map((le, index) => {
      upTo += counts[index] as number;
      return { labels: { le, ...labels }, value: upTo, metricName: `${this.name}_bucket` };
    });
    return [
      ...buckets,
      { labels, value: sum, metricName: `${this.name}_sum` },
      { labels, value: count, metricName: `${this.name}_count` },
    ];
  }
}
