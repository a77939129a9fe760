import type {
  DashboardBackend,
  DashboardBreaker,
  DashboardKey,
  DashboardPolicy,
  DashboardState,
} from '../dashboard.schema.js';
import { act } from './actions.js';
import { byId, element, KeyedList, type Row, setAttribute, setText } from './dom.js';
import { clockTime, duration, milliseconds, rate, share, whole } from './format.js';
import { openTimesOf, outagesOf, StripPicture, TrendPicture } from './pictures.js';

interface Column {
  readonly title: string;
  readonly className?: string;
}

/** A table that says so when it is empty, and is updated row by row. */
class Table<T> {
  private readonly list: KeyedList<T>;
  private readonly table: HTMLElement;
  private readonly empty: HTMLElement;

  constructor(
    id: string,
    label: string,
    columns: readonly Column[],
    nothing: string,
    keyOf: (item: T) => string,
    makeRow: (cells: readonly HTMLElement[], item: T) => (item: T) => void,
  ) {
    const heads = columns.map(({ title, className = '' }) => element('th', { scope: 'col', class: className }, title));
    const body = element('tbody');
    this.table = element(
      'table',
      { 'aria-labelledby': label },
      element('thead', {}, element('tr', {}, ...heads)),
      body,
    );
    this.empty = element('p', { class: 'empty' }, nothing);
    byId(id).append(this.table, this.empty);
    this.list = new KeyedList(body, keyOf, (item): Row<T> => {
      const cells = columns.map(({ title, className = '' }) =>
        element('td', { class: className, 'data-label': title }),
      );
      return { node: element('tr', {}, ...cells), update: makeRow(cells, item) };
    });
  }

  show(items: readonly T[]): void {
    this.table.hidden = items.length === 0;
    this.empty.hidden = items.length > 0;
    this.list.show(items);
  }
}

const NAME = 'name';
const NUMBER = 'number';

const quotaText = ({ quota }: DashboardPolicy): string =>
  quota === null ? 'several' : `${whole(quota.limit)} in ${duration(quota.windowMs)}`;

/** @param choose shows one policy in the chart */
export function policiesTable(
  choose: (policy: string) => void,
): (policies: readonly DashboardPolicy[], chosen: string) => void {
  let chosenNow = '';
  const table = new Table<DashboardPolicy>(
    'policies',
    'policies-title',
    [
      { title: 'Policy', className: NAME },
      { title: 'Limit' },
      { title: 'Lately: allowed, refused above', className: 'trend' },
      { title: 'Allowed', className: NUMBER },
      { title: 'Limited', className: NUMBER },
      { title: 'Share', className: NUMBER },
    ],
    'No call has met a policy yet.',
    ({ name }) => name,
    ([name, limit, trend, allowed, limited, part], { name: policy }) => {
      const button = element('button', { class: 'link', type: 'button', title: 'Show it in the chart' }, policy);
      button.addEventListener('click', () => choose(policy));
      name!.append(button);
      const picture = new TrendPicture('limited');
      trend!.append(picture.node);
      return (one) => {
        setAttribute(button, 'aria-pressed', String(one.name === chosenNow));
        setText(limit!, quotaText(one));
        picture.show(one.allowed, one.limited);
        setText(allowed!, whole(one.totals.allowed));
        setText(limited!, whole(one.totals.limited));
        setText(part!, share(one.totals.limited, one.totals.allowed + one.totals.limited));
      };
    },
  );
  return (policies, chosen) => {
    chosenNow = chosen;
    table.show(policies);
  };
}

/** Policies that only tell. */
export function shadowTable(): (policies: readonly DashboardPolicy[]) => void {
  const table = new Table<DashboardPolicy>(
    'shadow',
    'shadow-title',
    [
      { title: 'Policy', className: NAME },
      { title: 'Limit' },
      { title: 'Lately: would pass, would be refused above', className: 'trend' },
      { title: 'Calls', className: NUMBER },
      { title: 'Would refuse', className: NUMBER },
      { title: 'Share', className: NUMBER },
    ],
    '',
    ({ name }) => name,
    ([name, limit, trend, calls, refused, part], { name: policy }) => {
      name!.append(policy);
      const picture = new TrendPicture('shadow');
      trend!.append(picture.node);
      return (one) => {
        const { allowed, shadowLimited } = one.totals;
        setText(limit!, quotaText(one));
        picture.show(one.allowed, one.shadowLimited);
        setText(calls!, whole(allowed + shadowLimited));
        setText(refused!, whole(shadowLimited));
        setText(part!, share(shadowLimited, allowed + shadowLimited));
      };
    },
  );
  return (policies) => table.show(policies);
}

const latest = (values: readonly number[]): number => values.at(-2) ?? 0;

export function backendsTable(): (state: DashboardState) => void {
  let now: DashboardState;
  const table = new Table<DashboardBackend>(
    'backends',
    'backends-title',
    [
      { title: 'Backend', className: NAME },
      { title: 'State' },
      { title: 'Outages', className: 'trend' },
      { title: 'Calls/s', className: NUMBER },
      { title: 'Mean', className: NUMBER },
      { title: 'Slowest', className: NUMBER },
      { title: 'Failures', className: NUMBER },
    ],
    'No backend.',
    ({ name }) => name,
    ([name, state, strip, calls, mean, slowest, failures], { name: backend }) => {
      name!.append(backend);
      const pill = element('span', { class: 'pill' });
      state!.append(pill);
      const picture = new StripPicture();
      strip!.append(picture.node);
      return (one) => {
        setText(pill, one.up ? 'up' : `down for ${duration(now.nowMs - (one.outages.at(-1)?.startedMs ?? now.nowMs))}`);
        setAttribute(pill, 'data-tone', one.up ? 'good' : 'bad');
        picture.show(now, outagesOf(one, now.nowMs, clockTime));
        setText(calls!, rate(latest(one.calls) / (now.bucketMs / 1_000)));
        const idle = latest(one.calls) === 0;
        setText(mean!, idle ? '–' : milliseconds(latest(one.meanMs)));
        setText(slowest!, idle ? '–' : milliseconds(latest(one.maxMs)));
        setText(failures!, whole(one.totals.failures));
      };
    },
  );
  return (state) => {
    now = state;
    table.show(state.backends);
  };
}

const TONES = { closed: 'good', 'half-open': 'warn', open: 'bad' } as const;

function breakerText({ state, mode, count, notClosed, retryAfterMs }: DashboardBreaker): string {
  if (mode === 'disabled') return 'disabled';
  if (mode === 'forced-open') return 'open by hand';
  const many = count > 1 ? ` (${notClosed} of ${count})` : '';
  return state === 'open' && retryAfterMs > 0
    ? `open${many}, next try in ${duration(retryAfterMs)}`
    : `${state}${many}`;
}

export function breakersTable(): (state: DashboardState) => void {
  let now: DashboardState;
  const table = new Table<DashboardBreaker>(
    'breakers',
    'breakers-title',
    [
      { title: 'Breaker', className: NAME },
      { title: 'State' },
      { title: 'Open times', className: 'trend' },
      { title: 'Failures', className: NUMBER },
      { title: 'Trips', className: NUMBER },
      { title: 'Last change' },
      { title: '', className: 'actions' },
    ],
    'No circuit breaker yet.',
    ({ name }) => name,
    ([name, state, strip, failures, trips, change, actions], { name: breaker }) => {
      name!.append(breaker);
      const pill = element('span', { class: 'pill' });
      state!.append(pill);
      const picture = new StripPicture();
      strip!.append(picture.node);
      if (now.actions) {
        actions!.append(
          actionButton('Reset', `Reset ${breaker}`, 'reset-breaker', { breaker }),
          actionButton('Force open', `Force ${breaker} open`, 'force-breaker', { breaker }),
        );
      }
      return (one) => {
        setText(pill, breakerText(one));
        setAttribute(pill, 'data-tone', TONES[one.state]);
        picture.show(now, openTimesOf(one, now, clockTime));
        setText(failures!, `${whole(one.failureCount)} of ${whole(one.failureThreshold)}`);
        setText(trips!, whole(one.tripCount));
        const last = one.transitions.at(-1);
        setText(change!, last === undefined ? '–' : `${clockTime(last.atMs)} ${last.to} (${last.reason})`);
      };
    },
  );
  return (state) => {
    now = state;
    table.show(state.breakers);
  };
}

export function keysTable(): (state: DashboardState) => void {
  let now: DashboardState;
  const table = new Table<DashboardKey>(
    'keys',
    'keys-title',
    [
      { title: 'Key', className: NAME },
      { title: 'Policy' },
      { title: 'Refused lately', className: NUMBER },
      { title: 'Last' },
      { title: '', className: 'actions' },
    ],
    'Nobody was refused lately.',
    ({ policy, keyHash }) => `${keyHash} ${policy}`,
    ([name, policy, refused, last, actions], { key, keyHash, policy: policyName }) => {
      name!.append(element('code', {}, key ?? keyHash));
      policy!.append(policyName);
      if (now.actions) {
        const label = `Reset ${key ?? keyHash} of ${policyName}`;
        actions!.append(actionButton('Reset', label, 'reset-key', { policy: policyName, keyHash }));
      }
      return (one) => {
        setText(refused!, one.atMostOver > 0 ? `about ${whole(one.limited)}` : whole(one.limited));
        setText(last!, clockTime(one.lastMs));
      };
    },
  );
  return (state) => {
    now = state;
    table.show(state.keys);
  };
}

function actionButton(
  text: string,
  label: string,
  action: string,
  body: Readonly<Record<string, string>>,
): HTMLElement {
  const button = element('button', { type: 'button', 'aria-label': label }, text);
  button.addEventListener('click', () => void act(label, action, body));
  return button;
}
