import { setImmediate as tick } from 'node:timers/promises';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

it('debits units in advance, and hands them out without asking', async () => {
  const { store, consume } = made();
  const first = await consume();
  expect(first).toMatchObject({ allowed: true, policies: [{ remaining: 149 }] });
  expect(first.source).toBeUndefined();
  for (let left = 148; left >= 140; left -= 1) {
    expect(await consume()).toMatchObject({ allowed: true, source: 'cache', policies: [{ remaining: left }] });
  }
  expect(store.asked).toEqual(['consume 10']);
  expect(await consume()).toMatchObject({ policies: [{ remaining: 139 }] });
  expect(store.asked).toEqual(['consume 10', 'consume 10']);
});

it.each([1, 3, 7, 150])('gives a lone process every unit, by debits of %d', async (size) => {
  const { takeAll, used } = made({ policy: leasedPolicy({ lease: size }) });
  expect(await takeAll()).toBe(150);
  expect(await used()).toBe(150);
});

it('gives a lone process that calls at once every unit', async () => {
  const { consume } = made({ policy: leasedPolicy({ lease: 40 }) });
  const replies = await Promise.all(Array.from({ length: 400 }, () => consume()));
  expect(replies.filter(({ allowed }) => allowed)).toHaveLength(150);
});

it('waits for a debit that is on its way before a call is refused', async () => {
  const { store, consume } = made({ policy: leasedPolicy({ limit: 10 }) });
  const { gate, open } = closedGate();
  store.inbound = gate;
  const first = consume();
  await tick();
  store.inbound = undefined;
  const second = consume();
  await tick();
  open();
  expect((await first).allowed).toBe(true);
  expect(await second).toMatchObject({ allowed: true, policies: [{ remaining: 8 }] });
  expect(store.asked).toEqual(['consume 10', 'consume 1']);
});

it('holds no more than its size, with what is left of the debit before', async () => {
  const { store, consume } = made();
  for (let call = 0; call < 4; call += 1) await consume(3);
  expect(store.asked).toEqual(['consume 10', 'consume 9']);
});

it('gives back what is held before a call that costs more is refused', async () => {
  const { store, consume, used } = made({ policy: leasedPolicy({ limit: 20, lease: 10 }) });
  await consume();
  await consume(7);
  expect(await used()).toBe(10);
  // 2 are held and 10 are left: together they suffice.
  expect(await consume(12)).toMatchObject({ allowed: true });
  expect(store.asked).toEqual(['consume 10', 'consume 12', 'refund 2', 'consume 12']);
  expect(await consume()).toMatchObject({ allowed: false, policies: [{ remaining: 0 }] });
  expect(store.asked.slice(4)).toEqual(['consume 1']);
});

it('does not trust a refusal that was known before what is held', async () => {
  const { store, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
  await consume(8);
  const refusal = await consume(15);
  expect(refusal.allowed).toBe(false);
  await consume(8);
  store.recall = () => ({ ...refusal, source: 'cache' });
  expect(await consume(4)).toMatchObject({ allowed: true });
});

it('charges an overdraft by what is held, or gives that back before', async () => {
  const { store, units, policy, consume, used } = made({ policy: leasedPolicy({ limit: 20 }) });
  const overdraft = (cost: number) => ({
    charges: [{ key: 'k', policy, cost }],
    timeoutMs: 1_000,
    overdraw: true,
  });
  await consume();
  expect(units.recall(overdraft(4))).toMatchObject({ allowed: true, source: 'cache' });
  expect(units.recall(overdraft(30))).toBeUndefined();
  expect(await units.consume(overdraft(30))).toMatchObject({ allowed: true, policies: [{ remaining: 0 }] });
  expect(store.asked).toEqual(['consume 10', 'refund 5', 'consume 30']);
  expect(await used()).toBe(20);
  expect((await consume()).allowed).toBe(false);
});

it('debits nothing in advance beside an overdraft', async () => {
  const { store, units, policy } = made();
  await units.consume({ charges: [{ key: 'k', policy, cost: 2 }], timeoutMs: 1_000, overdraw: true });
  expect(store.asked).toEqual(['consume 2']);
});

it('is not held up by a debit that is never answered, and gives nothing of it out', async () => {
  const { store, units, policy, consume, takeAll } = made();
  const { gate, open } = closedGate();
  store.inbound = gate;
  const call = (async () => units.consume({ charges: [{ key: 'k', policy, cost: 1 }], timeoutMs: 20 }))();
  await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  store.inbound = undefined;
  await consume();
  expect(store.asked).toEqual(['consume 10', 'consume 10']);
  open();
  await tick();
  expect(await takeAll()).toBe(139);
});

describe('a store that fails', () => {
  it('leaves what is held for a second', async () => {
    const { clock, store, consume } = made();
    await consume();
    store.error = new Error('away');
    expect(await consume(9)).toMatchObject({ allowed: true, source: 'cache' });
    await expect(consume()).rejects.toThrow('away');
    store.error = undefined;
    await consume();
    store.error = new Error('away');
    clock.advance(1_000);
    await expect(consume()).rejects.toThrow('away');
  });

  it('fails each call that asks, and is asked anew by the next', async () => {
    const { store, consume } = made();
    store.error = new Error('away');
    await expect(Promise.all([consume(), consume()])).rejects.toThrow('away');
    store.error = undefined;
    expect(await consume()).toMatchObject({ allowed: true, policies: [{ remaining: 149 }] });
    expect(store.asked).toEqual(['consume 10', 'consume 1', 'consume 10']);
  });
});

describe('the size', () => {
  const auto = leasedPolicy({ limit: 100_000, lease: 'auto' });

  it('is nothing for a key that is asked for now and then', async () => {
    const { clock, store, consume } = made({ policy: auto, aheadMs: 0 });
    for (let call = 0; call < 5; call += 1) {
      await consume();
      clock.advance(150);
    }
    expect(store.asked).toEqual(Array.from({ length: 5 }, () => 'consume 1'));
  });

  it('grows with the traffic, lasts for about a tenth of a second, and lessens again', async () => {
    const { clock, store, consume } = made({ policy: auto, aheadMs: 0 });
    for (let call = 0; call < 3_000; call += 1) {
      await consume();
      clock.advance(1);
    }
    const sizes = store.asked.map((what) => Number(what.split(' ')[1]));
    expect(sizes.slice(0, 6)).toEqual([1, 2, 4, 8, 16, 32]);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
    expect(sizes.length).toBeLessThan(40);
    store.asked.length = 0;
    for (let call = 0; call < 20; call += 1) {
      await consume();
      clock.advance(150);
    }
    expect(store.asked.at(-1)).toBe('consume 1');
  });

  it('is a sixteenth of what is left at most, and nothing of the last units', async () => {
    const policy = leasedPolicy({ limit: 320, lease: 'auto' });
    const { store, takeAll } = made({ policy });
    expect(await takeAll()).toBe(320);
    const sizes = store.asked.map((what) => Number(what.split(' ')[1]));
    expect(sizes.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 18, 16]);
    expect(sizes.slice(-15)).toEqual(Array.from({ length: 15 }, () => 1));
  });
});

it('remembers so many keys, and gives back what the others hold', async () => {
  const { store, consume, used } = made({ maxKeys: 2 });
  await consume();
  await consume(1, undefined, 'second');
  await consume(1, undefined, 'third');
  await tick();
  expect(store.asked).toContain('refund 9');
  expect(await used()).toBe(1);
});
