import { setImmediate as tick } from 'node:timers/promises';
import { eventually } from '../../../support/eventually.js';
import { CLOCK_START_MS } from '../../../support/manual-clock.js';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

describe('the window', () => {
  it.each([
    ['ahead', 3_600_000],
    ['behind', -3_600_000],
    ['ahead by a part of a window', 20_000],
  ])('ends what is held by the clock of a store that is %s', async (_how, aheadMs) => {
    const { clock, store, consume } = made({ aheadMs });
    const untilBorderMs = 60_000 - ((clock() + aheadMs) % 60_000);
    clock.advance(untilBorderMs - 500);
    await consume();
    clock.advance(498);
    expect(await consume()).toMatchObject({ source: 'cache', policies: [{ resetAfterMs: 2 }] });
    // The store may have decided at the end of the millisecond that it tells.
    clock.advance(1);
    expect((await consume()).source).toBeUndefined();
    clock.advance(1);
    expect(await consume()).toMatchObject({ allowed: true, policies: [{ remaining: 149 }] });
    expect(store.asked.filter((what) => what.startsWith('consume'))).toHaveLength(3);
  });

  it('is counted from when the debit was sent', async () => {
    const { clock, store, consume, used } = made({ aheadMs: 0 });
    clock.advance(59_900);
    const { gate, open } = closedGate();
    store.inbound = gate;
    const first = consume();
    await tick();
    clock.advance(99.5);
    open();
    await first;
    store.inbound = undefined;
    expect((await consume()).source).toBeUndefined();
    clock.advance(1);
    expect(await used()).toBe(0);
  });

  it('of a call is that in which the store charged it', async () => {
    const { clock, store, consume, takeAll } = made({ aheadMs: 0 });
    clock.advance(59_999);
    const { gate, open } = closedGate();
    store.outbound = gate;
    const first = consume();
    await tick();
    // Sent in one window, counted in the next.
    clock.advance(500);
    open();
    store.outbound = undefined;
    expect((await first).nowMs).toBe(CLOCK_START_MS + 60_499);
    expect(await takeAll()).toBe(149);
  });

  it('of a debit voids what is left of the one before', async () => {
    const { clock, store, consume, takeAll } = made({ aheadMs: 0 });
    clock.advance(59_900);
    await consume(8);
    const { gate, open } = closedGate();
    store.outbound = gate;
    const debit = consume(3);
    await tick();
    clock.advance(100);
    store.outbound = undefined;
    open();
    await debit;
    expect(await takeAll()).toBe(147);
  });

  it.each([
    ['what was debited in it', 1, undefined],
    ['nothing', 20, 'cache'],
  ])('that is over voids %s when an answer comes late', async (_what, cost, source) => {
    const { clock, store, consume, takeAll } = made({ aheadMs: 0 });
    clock.advance(59_900);
    const { gate, open } = closedGate();
    store.inbound = gate;
    const late = consume(cost);
    await tick();
    store.inbound = undefined;
    clock.advance(100);
    await consume();
    open();
    await late;
    const next = await consume(9);
    expect(next.source).toBe(source);
    expect(await takeAll()).toBe(140);
  });

  it('of the calendar ends it, too', async () => {
    const policy = leasedPolicy({ calendar: 'calendar-month', timeZone: 'Europe/Berlin', windowMs: 31 * 86_400_000 });
    const { clock, consume } = made({ policy, aheadMs: 0 });
    clock.set(Date.UTC(2026, 2, 31, 21, 59, 59, 900));
    await consume();
    clock.advance(98);
    expect((await consume()).source).toBe('cache');
    clock.advance(2);
    expect(await consume()).toMatchObject({ policies: [{ remaining: 149 }] });
  });
});

describe('units that nobody uses', () => {
  it('are handed out for a second, and then given back', async () => {
    const { clock, store, units, consume, used } = made();
    await consume();
    clock.advance(999);
    expect((await consume()).source).toBe('cache');
    clock.advance(1);
    units.look();
    await tick();
    expect(store.asked).toEqual(['consume 10', 'refund 8']);
    expect(await used()).toBe(2);
  });

  it('are given back by themselves', async () => {
    const { clock, store, consume } = made();
    await consume();
    clock.advance(1_000);
    await eventually(() => store.asked.length === 2, { what: 'the refund', timeoutMs: 5_000 });
    expect(store.asked).toEqual(['consume 10', 'refund 9']);
  });

  it('are looked after again when a refund has made some of them', async () => {
    const { clock, store, units, request, consume } = made();
    await consume();
    await consume(9);
    await eventually(() => !units.isWatching, { what: 'that it stops to look' });
    expect(units.keeps(request(3))).toBe(true);
    expect(units.isWatching).toBe(true);
    clock.advance(1_000);
    await eventually(() => store.asked.length === 2, { what: 'the refund' });
    expect(store.asked).toEqual(['consume 10', 'refund 3']);
  });

  it('are waited for by a call that the store refuses meanwhile', async () => {
    const { clock, store, units, consume } = made({ policy: leasedPolicy({ limit: 10 }) });
    await consume();
    clock.advance(1_000);
    const { gate, open } = closedGate();
    store.outbound = gate;
    units.look();
    store.outbound = undefined;
    const call = consume(9);
    await tick();
    open();
    expect(await call).toMatchObject({ allowed: true });
  });

  it('are given back in the last millisecond of their window, too', async () => {
    const { clock, consume } = made({ aheadMs: 0, policy: leasedPolicy({ limit: 10 }) });
    clock.advance(59_500);
    await consume();
    clock.advance(499.3);
    expect(await consume(9)).toMatchObject({ allowed: true, policies: [{ remaining: 0 }] });
  });

  it('are not given back once their window is over', async () => {
    const { clock, store, units, consume } = made({ aheadMs: 0 });
    clock.advance(59_500);
    await consume();
    clock.advance(600);
    units.look();
    expect(store.asked).toEqual(['consume 10']);
  });

  it('are waited for, whenever they were given back', async () => {
    const { clock, store, units, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
    await consume();
    clock.advance(1_000);
    const { gate, open } = closedGate();
    store.outbound = gate;
    units.look();
    store.outbound = undefined;
    await consume();
    const call = consume(18);
    await tick();
    expect(store.asked).toEqual(['consume 10', 'refund 9', 'consume 10', 'consume 18', 'refund 9']);
    open();
    expect(await call).toMatchObject({ allowed: true, policies: [{ remaining: 0 }] });
  });

  it('are not given back to the next window', async () => {
    const { clock, store, units, another, consume, used } = made({ aheadMs: 0 });
    clock.advance(58_900);
    await consume();
    clock.advance(1_000);
    const { gate, open } = closedGate();
    store.outbound = gate;
    units.look();
    clock.advance(100);
    store.outbound = undefined;
    await consume(20, another());
    open();
    await tick();
    expect(await used()).toBe(20);
  });

  it('are lost where they cannot be given back', async () => {
    const { clock, store, units, consume, used } = made();
    await consume();
    clock.advance(1_000);
    store.error = new Error('away');
    units.look();
    await tick();
    store.error = undefined;
    expect(await used()).toBe(10);
    expect(await consume()).toMatchObject({ policies: [{ remaining: 139 }] });
  });

  it('are given back when the process ends', async () => {
    const { units, another, consume, takeAll, used } = made();
    await consume();
    await units.close();
    expect(await used()).toBe(1);
    expect(await takeAll(another())).toBe(149);
  });

  it('are not debited once it ends', async () => {
    const { store, units, consume } = made();
    await units.close();
    await consume();
    expect(store.asked).toEqual(['consume 1']);
  });

  it('that are on their way when the process ends are given back', async () => {
    const { store, units, consume, used } = made();
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = consume();
    await tick();
    const closing = units.close();
    store.inbound = undefined;
    open();
    await Promise.all([call, closing]);
    expect(await used()).toBe(1);
  });

  it('of a process that is killed are its size at most', async () => {
    const { another, consume, takeAll } = made();
    await consume();
    expect(await takeAll(another())).toBe(140);
  });
});
