import type { DashboardPolicy, DashboardState } from '../dashboard.schema.js';
import { BASE } from './actions.js';
import { backendsTable } from './backends.table.js';
import { breakersTable } from './breakers.table.js';
import { type Line, TimeChart } from './charts.js';
import { byId, element, KeyedList, setAttribute, setText } from './dom.js';
import { clockTime, duration, milliseconds, rate, share, whole } from './format.js';
import { keysTable } from './keys.table.js';
import { OverrideForm } from './override.form.js';
import { PoliciesTable, shadowTable } from './policies.table.js';
import { StateStream } from './state.stream.js';
import { verdictOf } from './verdict.js';

const ALL = '';
/** Why calls pass without being counted while all is well. */
const NO_LIMIT: readonly string[] = ['skipped', 'disabled', 'allow_listed'];
const PALETTE = ['accent', 'shadow', 'limited', 'allowed'] as const;

let state: DashboardState | undefined;
let chosen = ALL;

const select = byId('shown') as HTMLSelectElement;
const traffic = new TimeChart(byId('traffic'), byId('traffic-legend'), (value) => `${rate(value)}/s`, 1);
const latency = new TimeChart(byId('latency'), byId('latency-legend'), milliseconds, 0.1);
const policies = new PoliciesTable(choose, () => now().actions);
const shadow = shadowTable(() => now().actions);
const backends = backendsTable(now);
const breakers = breakersTable(now);
const keys = keysTable(now);
const override = new OverrideForm();

interface Figure {
  readonly label: string;
  readonly value: string;
}

const figures = new KeyedList<Figure>(
  byId('figures'),
  ({ label }) => label,
  ({ label }) => {
    const value = element('b');
    const node = element('li', {}, value, element('span', {}, label));
    return { node, update: (one) => setText(value, one.value) };
  },
);

const uncounted = new KeyedList<DashboardState['uncounted'][number]>(
  byId('uncounted'),
  ({ reason }) => reason,
  () => {
    const node = element('li');
    return { node, update: ({ reason, total }) => setText(node, `${reason.replaceAll('_', ' ')}: ${whole(total)}`) };
  },
);

const options = new KeyedList<{ readonly value: string; readonly text: string }>(
  select,
  ({ value }) => value,
  ({ value, text }) => ({
    node: element('option', { value }, text),
    update: () => undefined,
  }),
);

select.addEventListener('change', () => choose(select.value));

/** The state that is shown: there is one wherever it is asked for. */
function now(): DashboardState {
  if (state === undefined) throw new Error('Nothing is shown yet.');
  return state;
}

function choose(policy: string): void {
  chosen = chosen === policy ? ALL : policy;
  select.value = chosen;
  if (state !== undefined) show(state);
}

/** Sums of series, without the last bucket: it is not complete. */
function sumOf(count: number, series: readonly (readonly number[])[]): readonly number[] {
  return Array.from({ length: count }, (_, index) => series.reduce((sum, one) => sum + (one[index] ?? 0), 0));
}

function show(next: DashboardState): void {
  state = next;
  const enforced = next.policies.filter(({ mode }) => mode === 'enforce');
  const shadows = next.policies.filter(({ mode, totals }) => mode === 'shadow' || totals.shadowLimited > 0);
  const { text, tone } = verdictOf(next);
  const verdict = byId('verdict');
  setText(verdict, text);
  setAttribute(verdict, 'class', 'pill');
  setAttribute(verdict, 'data-tone', tone);
  options.show([
    { value: ALL, text: 'all policies' },
    ...next.policies.map(({ name }) => ({ value: name, text: name })),
  ]);
  showTraffic(next);
  policies.show(enforced, chosen);
  uncounted.show(next.uncounted);
  byId('shadow-section').hidden = shadows.length === 0;
  shadow.show(shadows);
  backends.show(next.backends);
  showLatency(next);
  breakers.show(next.breakers);
  keys.show(next.keys);
  override.show(
    next.actions,
    next.policies.map(({ name }) => name),
  );
  setText(
    byId('about'),
    `The last ${duration(next.historyMs)} of one process, in steps of ${duration(next.bucketMs)}. A call counts once for each policy that it meets. Totals count since ${clockTime(next.startedMs)}.`,
  );
}

function showTraffic(next: DashboardState): void {
  const count = next.buckets.length - 1;
  const seconds = next.bucketMs / 1_000;
  const shown = chosen === ALL ? next.policies : next.policies.filter(({ name }) => name === chosen);
  const seriesOf = (pick: (policy: DashboardPolicy) => readonly number[]): readonly number[] =>
    sumOf(count, shown.map(pick)).map((calls) => calls / seconds);
  const allowed = seriesOf((policy) => policy.allowed);
  const limited = seriesOf((policy) => policy.limited);
  const wouldLimit = seriesOf((policy) => policy.shadowLimited);
  const without = (reasons: readonly string[]): readonly number[] =>
    sumOf(
      count,
      next.uncounted.filter(({ reason }) => reasons.includes(reason)).map(({ calls }) => calls),
    ).map((calls) => calls / seconds);
  const failedOpen = without(['failed_open']);
  const lines: Line[] = [
    { label: 'allowed', color: 'allowed', values: allowed },
    { label: 'limited', color: 'limited', values: limited },
  ];
  if (wouldLimit.some((value) => value > 0))
    lines.push({ label: 'would be limited', color: 'shadow', dashed: true, values: wouldLimit });
  if (chosen === ALL) lines.push({ label: 'no limit applies', color: 'quiet', values: without(NO_LIMIT) });
  if (chosen === ALL && failedOpen.some((value) => value > 0)) {
    lines.push({ label: 'failed open', color: 'failed', values: failedOpen });
  }
  traffic.show(next.buckets.slice(0, -1), lines);

  const total = (pick: (policy: DashboardPolicy) => number): number =>
    shown.reduce((sum, policy) => sum + pick(policy), 0);
  const allAllowed = total(({ totals }) => totals.allowed);
  const allLimited = total(({ totals }) => totals.limited);
  const all: Figure[] = [
    { label: 'allowed', value: whole(allAllowed) },
    { label: 'limited', value: whole(allLimited) },
    { label: 'share limited', value: share(allLimited, allAllowed + allLimited) },
  ];
  if (chosen === ALL) {
    const unenforced = next.uncounted.filter(({ reason }) => reason === 'failed_open' || NO_LIMIT.includes(reason));
    all.push({ label: 'unenforced', value: whole(unenforced.reduce((sum, one) => sum + one.total, 0)) });
  }
  figures.show([...all, { label: 'decided a second', value: rate((allowed.at(-1) ?? 0) + (limited.at(-1) ?? 0)) }]);
}

function showLatency({ buckets, backends }: DashboardState): void {
  latency.show(
    buckets.slice(0, -1),
    backends.map(({ name, meanMs }, index) => ({
      label: name,
      color: PALETTE[index % PALETTE.length] ?? 'accent',
      values: meanMs.slice(0, -1),
    })),
  );
}

function tellStream(live: boolean): void {
  const stream = byId('stream');
  setAttribute(stream, 'data-state', live ? 'live' : 'lost');
  setText(stream, live ? 'Live' : 'Connection lost, trying again…');
}

new StateStream(BASE, show, tellStream).open();
