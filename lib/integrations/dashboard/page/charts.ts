import uPlot from 'uplot';
import { element, setText } from './dom.js';
import { clockTime } from './format.js';

/** A line of a chart. */
export interface Line {
  readonly label: string;
  /** Name of a CSS variable. */
  readonly color: string;
  readonly dashed?: boolean;
  readonly values: readonly number[];
}

const HEIGHT = 180;

/** Lines over time. Colours follow the page's theme; the legend tells the values under the pointer, else the latest. */
export class TimeChart {
  private plot: uPlot | undefined;
  private shape = '';
  private times: readonly number[] = [];
  private lines: readonly Line[] = [];

  constructor(
    private readonly container: HTMLElement,
    private readonly legend: HTMLElement,
    private readonly format: (value: number) => string,
    /** Height of the scale at least. */
    private readonly least: number,
  ) {
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(container);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw(true));
  }

  /** @param times ms since the epoch */
  show(times: readonly number[], lines: readonly Line[]): void {
    this.times = times;
    this.lines = lines;
    this.draw(false);
  }

  private draw(isNewPlot: boolean): void {
    const shape = this.lines.map(({ label, color }) => `${label}${color}`).join();
    const data: uPlot.AlignedData = [
      this.times.map((time) => time / 1_000),
      ...this.lines.map(({ values }) => [...values]),
    ];
    if (this.plot === undefined || isNewPlot || shape !== this.shape) {
      this.plot?.destroy();
      this.shape = shape;
      this.makeLegend();
      this.plot = new uPlot(this.options(), data, this.container);
    } else {
      this.plot.setData(data);
    }
    this.tellValues();
  }

  private options(): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const colorOf = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const axis = { stroke: colorOf('quiet'), grid: { stroke: colorOf('line'), width: 1 }, ticks: { show: false } };
    return {
      ...this.size(),
      // Half of a time at the right edge.
      padding: [8, 30, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      hooks: { setCursor: [() => this.tellValues()] },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, this.least)] } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 90,
          values: (_plot, splits) => splits.map((seconds) => clockTime(seconds * 1_000)),
        },
        {
          ...axis,
          size: 64,
          values: (_plot, splits) => splits.map((value) => (value === 0 ? '0' : this.format(value))),
        },
      ],
      series: [
        {},
        ...this.lines.map(({ label, color, dashed = false }) => ({
          label,
          stroke: colorOf(color),
          width: 1.5,
          points: { show: false },
          ...(dashed ? { dash: [4, 4] } : { fill: `${colorOf(color)}22` }),
        })),
      ],
    };
  }

  private size(): { width: number; height: number } {
    return { width: Math.max(this.container.clientWidth, 200), height: HEIGHT };
  }

  private makeLegend(): void {
    this.legend.replaceChildren(
      ...this.lines.map(({ label, color }) => {
        const mark = element('i');
        mark.style.background = `var(--${color})`;
        return element('li', {}, mark, `${label} `, element('b'));
      }),
    );
  }

  private tellValues(): void {
    const index = this.plot?.cursor.idx ?? this.times.length - 1;
    for (const [position, { values }] of this.lines.entries()) {
      const figure = this.legend.children[position]?.querySelector('b');
      if (figure != null) setText(figure, this.format(values[index] ?? 0));
    }
    const told = this.lines.map(({ label, values }) => `${label} ${this.format(values.at(-1) ?? 0)}`);
    this.container.setAttribute('aria-label', told.join(', '));
  }
}
