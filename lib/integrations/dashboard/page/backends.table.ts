import type { DashboardBackend, DashboardState } from '../dashboard.schema.js';
import { count, figure, name, picture, state } from './columns.js';
import { clockTime, duration, milliseconds, rate } from './format.js';
import { outagesOf, StripPicture } from './pictures.js';
import { Table } from './table.js';

/** The last step of time that is complete. */
const latest = (values: readonly number[]): number => values.at(-2) ?? 0;

const time = (title: string, timesOf: (backend: DashboardBackend) => readonly number[]) =>
  figure<DashboardBackend>(title, (one) => (latest(one.calls) === 0 ? '–' : milliseconds(latest(timesOf(one)))));

/** @param now the state that is shown */
export const backendsTable = (now: () => DashboardState): Table<DashboardBackend> =>
  new Table<DashboardBackend>({
    id: 'backends',
    nothing: 'No backend.',
    keyOf: (backend) => backend.name,
    columns: [
      name('Backend', (backend) => backend.name),
      state(({ up, outages }) => {
        if (up) return { text: 'up', tone: 'good' };
        const { nowMs } = now();
        return { text: `down for ${duration(nowMs - (outages.at(-1)?.startedMs ?? nowMs))}`, tone: 'bad' };
      }),
      picture('Outages', () => {
        const strip = new StripPicture();
        return { node: strip.node, show: (one) => strip.show(now(), outagesOf(one, now().nowMs, clockTime)) };
      }),
      figure('Calls/s', ({ calls }) => rate(latest(calls) / (now().bucketMs / 1_000))),
      time('Mean', ({ meanMs }) => meanMs),
      time('Slowest', ({ maxMs }) => maxMs),
      count('Failures', ({ totals }) => totals.failures),
    ],
  });
