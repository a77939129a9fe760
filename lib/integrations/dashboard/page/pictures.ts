import type { DashboardBackend, DashboardBreaker, DashboardState } from '../dashboard.schema.js';
import { graphic, setAttribute } from './dom.js';

const WIDTH = 1_000;

type Span = Pick<DashboardState, 'nowMs' | 'historyMs'>;

/** A stretch of time on a strip. */
interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  readonly kind: 'down' | 'half';
  readonly text: string;
}

/** A small picture of what a policy allowed and, above it, refused. */
export class TrendPicture {
  readonly node = graphic('svg', { viewBox: `0 0 ${WIDTH} 28`, preserveAspectRatio: 'none', 'aria-hidden': 'true' });
  private readonly allowed = graphic('path', { class: 'area-allowed' });
  private readonly limited: SVGElement;

  constructor(refused: 'limited' | 'shadow') {
    this.limited = graphic('path', { class: `area-${refused}` });
    this.node.append(this.allowed, this.limited);
  }

  readonly show = (allowed: readonly number[], limited: readonly number[]): void => {
    const sums = allowed.map((value, index) => value + (limited[index] ?? 0));
    const most = Math.max(...sums, 1);
    const yOf = (value: number): number => 27 - (26 * value) / most;
    setAttribute(
      this.allowed,
      'd',
      area(
        allowed.map(yOf),
        allowed.map(() => 27),
      ),
    );
    setAttribute(this.limited, 'd', area(sums.map(yOf), allowed.map(yOf)));
  };
}

/** A strip of time on which what went wrong is marked. */
export class StripPicture {
  readonly node = graphic('svg', {
    class: 'strip',
    viewBox: `0 0 ${WIDTH} 14`,
    preserveAspectRatio: 'none',
    role: 'img',
  });
  private shown = '';

  show({ nowMs, historyMs }: Span, stretches: readonly Stretch[]): void {
    const fromMs = nowMs - historyMs;
    const marks = stretches.map(({ fromMs: start, toMs: end, kind, text }) => {
      const x = (Math.max(start - fromMs, 0) / historyMs) * WIDTH;
      // An outage of a second is seen on a day's strip, too.
      const width = Math.max((Math.min(end - fromMs, historyMs) / historyMs) * WIDTH - x, 3);
      return { x: x.toFixed(1), width: width.toFixed(1), kind, text };
    });
    const shown = JSON.stringify(marks);
    if (shown === this.shown) return;
    this.shown = shown;
    this.node.replaceChildren(
      graphic('rect', { class: 'strip-up', width: String(WIDTH), height: '14' }),
      ...marks.map(({ x, width, kind, text }) => {
        const mark = graphic('rect', { class: `strip-${kind}`, x, width, height: '14' });
        const title = graphic('title', {});
        title.textContent = text;
        mark.append(title);
        return mark;
      }),
    );
    setAttribute(
      this.node,
      'aria-label',
      stretches.length === 0 ? 'No trouble' : stretches.map(({ text }) => text).join('; '),
    );
  }
}

/** When a backend failed. */
export const outagesOf = (
  { outages }: DashboardBackend,
  nowMs: number,
  tell: (atMs: number) => string,
): readonly Stretch[] =>
  outages.map(({ startedMs, endedMs, reason }) => ({
    fromMs: startedMs,
    toMs: endedMs ?? nowMs,
    kind: 'down',
    text: `${reason}, ${tell(startedMs)} to ${endedMs === null ? 'now' : tell(endedMs)}`,
  }));

/** When a circuit was not closed. */
export function openTimesOf(
  { transitions, state }: DashboardBreaker,
  { nowMs, historyMs }: Span,
  tell: (atMs: number) => string,
): readonly Stretch[] {
  const [first] = transitions;
  const changes = [{ to: first?.from ?? state, atMs: nowMs - historyMs }, ...transitions];
  return changes.flatMap(({ to, atMs }, index) => {
    if (to === 'closed') return [];
    const endMs = changes[index + 1]?.atMs ?? nowMs;
    return [
      {
        fromMs: atMs,
        toMs: endMs,
        kind: to === 'open' ? 'down' : 'half',
        text: `${to} from ${tell(atMs)} to ${tell(endMs)}`,
      },
    ];
  });
}

/** A path along one line and back along another. */
function area(upper: readonly number[], lower: readonly number[]): string {
  const step = WIDTH / Math.max(upper.length - 1, 1);
  const points = (ys: readonly number[]): string[] =>
    ys.map((y, index) => `${(index * step).toFixed(1)},${y.toFixed(1)}`);
  return `M${points(upper).join('L')}L${points(lower).reverse().join('L')}Z`;
}
