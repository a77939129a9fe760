import { setImmediate as tick } from 'node:timers/promises';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

describe('a reset', () => {
  it('voids what is held', async () => {
    const { units, request, consume, takeAll, used } = made();
    await consume();
    await units.reset(request());
    expect(await used()).toBe(0);
    expect(await takeAll()).toBe(150);
  });

  it.each(['before', 'after'])('voids a debit that reaches the store %s it', async (order) => {
    const { store, units, request, consume, takeAll } = made();
    const { gate, open } = closedGate();
    if (order === 'after') store.outbound = gate;
    else store.inbound = gate;
    const call = consume();
    await tick();
    store.outbound = store.inbound = undefined;
    await units.reset(request());
    open();
    await call;
    // Once all that the debit brought is lost, once all is forgotten.
    expect(await takeAll()).toBe(order === 'after' ? 140 : 150);
  });

  it('lets nobody debit in advance while it is under way', async () => {
    const { store, units, request, consume, takeAll } = made();
    const { gate, open } = closedGate();
    store.outbound = gate;
    const resetting = Promise.resolve(units.reset(request()));
    store.outbound = undefined;
    expect(await consume()).toMatchObject({ allowed: true });
    open();
    await resetting;
    expect(store.asked).toEqual(['reset', 'consume 1']);
    expect(await takeAll()).toBe(150);
  });

  it('by another process adds what is held to the limit at most, and for a second', async () => {
    const { clock, units, another, request, consume, takeAll } = made();
    await consume();
    await another().reset(request());
    expect(await takeAll(another())).toBe(150);
    expect((await consume()).source).toBe('cache');
    clock.advance(1_000);
    expect((await consume(1, units)).allowed).toBe(true);
    expect(await takeAll()).toBeLessThanOrEqual(8);
  });

  it('voids what is held by another quota of the same counter', async () => {
    const { store, units, request, consume } = made();
    await consume();
    await units.reset(request(0, 'k', leasedPolicy({ limit: 99 })));
    expect(store.asked).toEqual(['consume 10', 'reset']);
  });
});

describe('a refund', () => {
  it('is held as far as there is room, without asking', async () => {
    const { store, units, request, consume, used } = made();
    for (let call = 0; call < 5; call += 1) await consume();
    expect(units.keeps(request(4))).toBe(true);
    expect(store.asked).toEqual(['consume 10']);
    expect((await units.peek(request())).policies).toMatchObject([{ remaining: 149 }]);
    expect(await used()).toBe(10);
  });

  it('goes to the store where there is no room', async () => {
    const { store, units, request, consume, takeAll } = made();
    for (let call = 0; call < 15; call += 1) await consume();
    expect(units.keeps(request(7))).toBe(false);
    await units.refund(request(7));
    expect(store.asked).toEqual(['consume 10', 'consume 10', 'refund 2']);
    expect(await takeAll()).toBe(142);
  });

  it('of more than was charged leaves the limit, with what is held', async () => {
    const { store, units, request, consume, takeAll } = made();
    await consume();
    expect(units.keeps(request(1_000))).toBe(false);
    await units.refund(request(1_000));
    expect(store.asked.slice(1)).toEqual(['refund 10', 'refund 999']);
    expect(await takeAll()).toBe(150);
  });

  it('of more than was charged waits until what is held is given back', async () => {
    const { store, units, request, consume } = made();
    await consume();
    const { gate, open } = closedGate();
    store.outbound = gate;
    const refunding = units.refund(request(1_000));
    store.outbound = undefined;
    await tick();
    expect(store.asked).toEqual(['consume 10', 'refund 10']);
    open();
    await refunding;
    expect(store.asked.at(-1)).toBe('refund 999');
  });

  it('pays off a debt first', async () => {
    const { units, policy, request, consume, used } = made({ policy: leasedPolicy({ limit: 20 }) });
    await consume();
    await units.consume({ charges: [{ key: 'k', policy, cost: 30 }], timeoutMs: 1_000, overdraw: true });
    expect(units.keeps(request(5))).toBe(false);
    await units.refund(request(5));
    expect((await consume()).allowed).toBe(false);
    await units.refund(request(7));
    expect(await used()).toBe(19);
  });

  it('that comes twice is one of more than was charged', async () => {
    const { units, request, consume, takeAll } = made();
    await consume();
    expect(units.keeps(request())).toBe(true);
    expect(units.keeps(request())).toBe(false);
    await units.refund(request());
    expect(await takeAll()).toBe(150);
  });

  it('that comes when nothing can be held any longer goes to the store', async () => {
    const { clock, units, request, consume } = made();
    await consume();
    clock.advance(1_000);
    expect(units.keeps(request())).toBe(false);
  });

  it('of more than was charged voids a debit that is on its way', async () => {
    const { store, units, request, consume, takeAll } = made();
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = consume();
    await tick();
    store.inbound = undefined;
    await units.refund(request(1_000));
    open();
    await call;
    expect(await takeAll()).toBe(150);
  });

  it('of a window before leaves all as it is', async () => {
    const { clock, store, units, request, consume, takeAll } = made({ aheadMs: 0 });
    const { nowMs } = await consume();
    clock.advance(60_000);
    await consume();
    store.asked.length = 0;
    const refund = { ...request(1), chargedAtMs: nowMs };
    expect(units.keeps(refund)).toBe(false);
    await units.refund(refund);
    expect((await consume()).source).toBe('cache');
    expect(store.asked).toEqual(['refund 1']);
    expect(await takeAll()).toBe(148);
  });

  it('of another process goes to the store', async () => {
    const { units, another, request, consume, used } = made();
    await consume(1, another());
    await units.refund(request(1));
    expect(await used()).toBe(9);
  });
});
