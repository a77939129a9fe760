/** A page of metrics in the text format of Prometheus, read. */
export class MetricsPage {
  constructor(readonly text: string) {}

  static async of(url: string): Promise<MetricsPage> {
    const response = await fetch(url);
    if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
    return new MetricsPage(await response.text());
  }

  /** Value of one series, such as `floodgate_backend_up{backend="memory"}`; `undefined` if it is not there. */
  value(series: string): number | undefined {
    const line = this.lines.find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.slice(series.length + 1));
  }

  /** All series of a metric, with their values. */
  series(metric: string): Readonly<Record<string, number>> {
    const found = this.lines.filter((one) => one.startsWith(`${metric}{`) || one.startsWith(`${metric} `));
    return Object.fromEntries(
      found.map((one) => [one.slice(metric.length, one.lastIndexOf(' ')), Number(one.slice(one.lastIndexOf(' ')))]),
    );
  }

  /** Series in all. */
  get count(): number {
    return this.lines.length;
  }

  private get lines(): readonly string[] {
    return this.text.split('\n').filter((one) => one !== '' && !one.startsWith('#'));
  }
}
