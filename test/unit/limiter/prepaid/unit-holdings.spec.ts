import type { UnitHolding } from '../../../../lib/limiter/unit-holding.js';
import { UnitHoldings } from '../../../../lib/limiter/unit-holdings.js';
import { manualClock } from '../../../support/manual-clock.js';
import { leasedPolicy } from './prepaid-store.js';

const policy = leasedPolicy();
const charge = (key: string) => ({ key, policy, cost: 1 });

function made(maxKeys: number) {
  const clock = manualClock(0);
  const givenBack: UnitHolding[] = [];
  const holdings = new UnitHoldings({ clock, maxKeys, giveBack: (holding) => givenBack.push(holding) });
  return { clock, holdings, givenBack };
}

it('forgets the least recently used, which is given back', () => {
  const { holdings, givenBack } = made(2);
  const [first, second] = ['a', 'b'].map((key) => holdings.of(charge(key)));
  expect(holdings.of(charge('a'))).toBe(first);
  holdings.of(charge('c'));
  expect(givenBack).toEqual([second]);
  expect(holdings.find(charge('b'))).toBeUndefined();
});

it('forgets none that waits for an answer, nor the one that is asked for', () => {
  const { holdings, givenBack } = made(1);
  const first = holdings.of(charge('a'));
  first.debiting = Promise.resolve();
  const second = holdings.of(charge('b'));
  expect(holdings.find(charge('a'))).toBe(first);
  expect(holdings.find(charge('b'))).toBe(second);
  second.lowering = 1;
  holdings.of(charge('c'));
  expect([...holdings.all()]).toHaveLength(3);
  first.debiting = undefined;
  holdings.of(charge('c'));
  expect(givenBack).toEqual([first]);
});

it('forgets all whose window is over', () => {
  const { clock, holdings } = made(10);
  const holding = holdings.of(charge('a'));
  const status = {
    ...{ name: policy.name, limit: 150, windowMs: 60_000, mode: policy.mode, allowed: true, remaining: 149 },
    ...{ resetAfterMs: 500, retryAfterMs: 0 },
  };
  holding.charged(1, 0, { status, nowMs: 0, sentMs: 0 });
  clock.advance(498);
  expect(holdings.look()).toBe(false);
  expect(holdings.isEmpty).toBe(false);
  clock.advance(1);
  holdings.look();
  expect(holdings.isEmpty).toBe(true);
});

it('gives back what is held for too long, and looks again while units are held', () => {
  const { clock, holdings, givenBack } = made(2);
  const [old, fresh] = ['a', 'b'].map((key) => holdings.of(charge(key)));
  const status = { name: '', limit: 150, windowMs: 60_000, allowed: true, remaining: 90, resetAfterMs: 60_000 };
  const told = (sentMs: number) => ({
    status: { ...status, retryAfterMs: 0, mode: 'enforce' as const },
    nowMs: 0,
    sentMs,
  });
  old!.charged(1, 5, told(0));
  fresh!.charged(1, 5, told(500));
  clock.advance(999);
  expect([holdings.look(), givenBack]).toEqual([true, []]);
  clock.advance(1);
  expect([holdings.look(), givenBack]).toEqual([true, [old]]);
  old!.held = 0;
  fresh!.held = 0;
  expect([holdings.look(), givenBack]).toEqual([false, [old]]);
});

it('stops to look when it is told to', () => {
  const { holdings } = made(2);
  holdings.watch();
  expect(holdings.isWatched).toBe(true);
  holdings.stop();
  expect(holdings.isWatched).toBe(false);
});

it('drops nothing of a key that holds nothing', () => {
  const { holdings } = made(2);
  const held = holdings.of(charge('a'));
  holdings.drop(charge('b'));
  expect(held.generation).toBe(0);
  holdings.drop(charge('a'));
  expect(held.generation).toBe(1);
});

it.each([
  ['says more', { ...policy, calendar: { unit: 'day', timeZone: 'UTC' } } as unknown as typeof policy, 1],
  ['says less', { ...policy, lease: undefined } as unknown as typeof policy, 1],
  ['has another limit', { ...policy, limit: 9 }, 1],
  ['says the same', { ...policy }, 0],
])('gives back what is held of a policy when it changes: to one that %s', (_what, changed, count) => {
  const { holdings, givenBack } = made(2);
  const held = holdings.of(charge('a'));
  expect(holdings.find({ ...charge('a'), policy: changed })).toBe(held);
  expect(givenBack).toHaveLength(count);
  expect(held.policy).toBe(changed);
});
