import type { DashboardBreaker, DashboardState } from '../dashboard.schema.js';
import { buttons, count, figure, name, picture, state, text } from './columns.js';
import { clockTime, duration, whole } from './format.js';
import { openTimesOf, StripPicture } from './pictures.js';
import { Table } from './table.js';

const TONES = { closed: 'good', 'half-open': 'warn', open: 'bad' } as const;

/** @param now the state that is shown */
export const breakersTable = (now: () => DashboardState): Table<DashboardBreaker> =>
  new Table<DashboardBreaker>({
    id: 'breakers',
    nothing: 'No circuit breaker yet.',
    keyOf: (breaker) => breaker.name,
    columns: [
      name('Breaker', (breaker) => breaker.name),
      state((breaker) => ({ text: stateText(breaker), tone: TONES[breaker.state] })),
      picture('Open times', () => {
        const strip = new StripPicture();
        return { node: strip.node, show: (one) => strip.show(now(), openTimesOf(one, now(), clockTime)) };
      }),
      figure(
        'Failures',
        ({ failureCount, failureThreshold }) => `${whole(failureCount)} of ${whole(failureThreshold)}`,
      ),
      count('Trips', ({ tripCount }) => tripCount),
      text('Last change', ({ transitions }) => {
        const last = transitions.at(-1);
        return last === undefined ? '–' : `${clockTime(last.atMs)} ${last.to} (${last.reason})`;
      }),
      buttons(
        () => now().actions,
        ({ name: breaker }) => [
          { text: 'Reset', label: `Reset ${breaker}`, action: 'reset-breaker', body: { breaker } },
          { text: 'Force open', label: `Force ${breaker} open`, action: 'force-breaker', body: { breaker } },
        ],
      ),
    ],
  });

function stateText({ state: present, mode, count: all, notClosed, retryAfterMs }: DashboardBreaker): string {
  if (mode === 'disabled') return 'disabled';
  if (mode === 'forced-open') return 'open by hand';
  const many = all > 1 ? ` (${notClosed} of ${all})` : '';
  const next = present === 'open' && retryAfterMs > 0 ? `, next try in ${duration(retryAfterMs)}` : '';
  return `${present}${many}${next}`;
}
