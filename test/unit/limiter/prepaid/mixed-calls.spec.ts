import { setImmediate as tick } from 'node:timers/promises';
import type { Charge } from '../../../../lib/contracts/backend.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { eventually } from '../../../support/eventually.js';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

describe('a call of several policies', () => {
  const other = testPolicy({ name: 'other', algorithm: 'sliding-window', limit: 20, windowMs: 60_000 });
  const charges = (policy: Policy, cost = 1): readonly Charge[] => [
    { key: 'k', policy, cost },
    { key: 'k', policy: other, cost },
  ];

  it('takes what is held of those that are leased, and asks for the others', async () => {
    const { store, policy, ask } = made();
    await ask(charges(policy));
    const reply = await ask(charges(policy));
    expect(reply).toMatchObject({ allowed: true, policies: [{ remaining: 148 }, { remaining: 18 }] });
    expect(reply.source).toBeUndefined();
    expect(store.asked).toEqual(['consume 10+1', 'consume 1']);
  });

  it('puts back what it took if another policy refuses', async () => {
    const { store, policy, ask, consume } = made();
    await ask(charges(policy));
    await ask([{ key: 'k', policy: other, cost: 19 }]);
    expect(await ask(charges(policy))).toMatchObject({
      allowed: false,
      policies: [
        { name: 'leased', allowed: true, remaining: 149 },
        { name: 'other', allowed: false, remaining: 0 },
      ],
    });
    for (let left = 148; left >= 140; left -= 1)
      expect(await consume()).toMatchObject({ source: 'cache', policies: [{ remaining: left }] });
    expect(store.asked).toHaveLength(3);
  });

  it('puts back what it took if the store fails', async () => {
    const { store, units, policy, ask, consume } = made();
    await ask(charges(policy));
    const { gate, open } = closedGate();
    store.outbound = gate;
    store.error = new Error('away');
    const call = ask(charges(policy, 9));
    await eventually(() => !units.isWatching, { what: 'that it holds nothing' });
    open();
    await expect(call).rejects.toThrow('away');
    expect(units.isWatching).toBe(true);
    expect(await consume(9)).toMatchObject({ source: 'cache' });
  });

  it('takes a late answer for what it was asked', async () => {
    const { store, units, policy, ask, consume } = made();
    const second = leasedPolicy({ name: 'second', limit: 30 });
    await consume();
    const { gate, open } = closedGate();
    store.inbound = gate;
    const both = [policy, second].map((one) => ({ key: 'k', policy: one, cost: 1 }));
    await expect(units.consume({ charges: both, timeoutMs: 20 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    store.inbound = undefined;
    open();
    await tick();
    expect(await consume()).toMatchObject({ source: 'cache', policies: [{ name: 'leased', remaining: 148 }] });
    expect(await ask(both)).toMatchObject({ policies: [{ remaining: 147 }, { name: 'second', remaining: 19 }] });
  });

  it('puts nothing back after a reset', async () => {
    const { store, units, policy, request, ask, takeAll } = made();
    await ask(charges(policy));
    await ask([{ key: 'k', policy: other, cost: 19 }]);
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = ask(charges(policy));
    await tick();
    store.inbound = undefined;
    await units.reset(request());
    open();
    expect((await call).allowed).toBe(false);
    expect(await takeAll()).toBe(150);
  });

  it('puts nothing back into the next window', async () => {
    const { clock, store, policy, ask, takeAll } = made({ aheadMs: 0 });
    clock.advance(59_500);
    await ask(charges(policy));
    await ask([{ key: 'k', policy: other, cost: 19 }]);
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = ask(charges(policy));
    await tick();
    store.inbound = undefined;
    clock.advance(500);
    await ask([{ key: 'k', policy, cost: 1 }]);
    open();
    expect((await call).allowed).toBe(false);
    expect(await takeAll()).toBe(149);
  });

  it('is answered without asking where all are leased', async () => {
    const { store, units, policy, ask } = made();
    const second = leasedPolicy({ name: 'second', limit: 30 });
    const both = [
      { key: 'k', policy, cost: 1 },
      { key: 'k', policy: second, cost: 2 },
    ];
    await ask(both);
    // Without a promise: not even an open circuit keeps it from that.
    expect(units.recall({ charges: both, timeoutMs: 1_000 })).toMatchObject({
      ...{ allowed: true, source: 'cache' },
      policies: [{ remaining: 148 }, { remaining: 26 }],
    });
    expect(store.asked).toEqual(['consume 10+10']);
  });

  it('is answered by a refusal of the others that is known', async () => {
    const { store, units, policy, ask } = made();
    await ask(charges(policy));
    const refusal = await ask([{ key: 'k', policy: other, cost: 20 }]);
    store.asked.length = 0;
    store.recall = () => ({ ...refusal, source: 'cache' });
    const request = { charges: charges(policy), timeoutMs: 1_000 };
    expect(units.recall(request)).toMatchObject({
      ...{ allowed: false, source: 'cache' },
      policies: [
        { name: 'leased', allowed: true },
        { name: 'other', allowed: false },
      ],
    });
    expect(units.recall({ ...request, charges: charges(policy).slice(0, 1) })).toMatchObject({ allowed: true });
    expect(store.asked).toEqual([]);
  });

  it('in shadow is counted by the store', async () => {
    const { store, ask } = made();
    const shadow = leasedPolicy({ mode: 'shadow' });
    await ask([{ key: 'k', policy: shadow, cost: 1 }]);
    await ask([{ key: 'k', policy: shadow, cost: 1 }]);
    expect(store.asked).toEqual(['consume 1', 'consume 1']);
  });
});

describe('another quota of the same counter', () => {
  it.each([
    ['another limit', leasedPolicy({ limit: 50 })],
    ['no lease', testPolicy({ name: 'leased', algorithm: 'fixed-window', limit: 50, windowMs: 60_000 })],
    ['shadow', leasedPolicy({ limit: 50, mode: 'shadow' })],
  ])('(%s) gives back what is held', async (_what, changed) => {
    const { consume, ask, used } = made();
    await consume();
    await ask([{ key: 'k', policy: changed, cost: 1 }]);
    const own = changed.lease !== undefined && changed.mode === 'enforce' ? 10 : 1;
    expect(await used()).toBe(1 + own);
  });

  it('that says the same is the same', async () => {
    const { store, consume, ask } = made();
    await consume();
    expect((await ask([{ key: 'k', policy: leasedPolicy(), cost: 1 }])).source).toBe('cache');
    expect(store.asked).toHaveLength(1);
  });
});
