import { setImmediate as tick } from 'node:timers/promises';
import type { Charge } from '../../../../lib/contracts/backend.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

const other = testPolicy({ name: 'other', algorithm: 'sliding-window', limit: 1_000, windowMs: 60_000 });
const chargeOf = (policy: Policy, cost = 1, key = 'k'): Charge => ({ key, policy, cost });

const refunding = (charges: readonly Charge[]) => ({ charges, timeoutMs: 5_000 });

describe('beside a policy without a lease', () => {
  it('tells what is left of each', async () => {
    const { units, policy, ask } = made();
    await ask([chargeOf(policy), chargeOf(other)]);
    const { policies } = await units.peek(refunding([chargeOf(policy, 0), chargeOf(other, 0)]));
    expect(policies.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['leased', 149],
      ['other', 999],
    ]);
  });

  it('debits in advance only what is leased', async () => {
    const { store, clock, policy, ask } = made();
    for (let call = 0; call < 5; call += 1) {
      await ask([chargeOf(policy), chargeOf(other)]);
      clock.advance(10);
    }
    expect(store.asked).toEqual(['consume 10+1', 'consume 1', 'consume 1', 'consume 1', 'consume 1']);
  });

  it('gives back to the store what it cannot hold', async () => {
    const { store, units, policy, ask } = made();
    await ask([chargeOf(policy), chargeOf(other)]);
    const both = refunding([chargeOf(policy), chargeOf(other)]);
    expect(units.keeps(both)).toBe(false);
    expect(units.keeps(refunding([chargeOf(policy, 1, 'another')]))).toBe(false);
    expect(units.keeps(refunding([chargeOf(policy, 2)]))).toBe(false);
    await units.refund(both);
    expect(store.asked.slice(1)).toEqual(['refund 0+1']);
    expect(units.keeps(refunding([chargeOf(policy)]))).toBe(false);
  });

  it('gives back what is held before a refund of more than was charged', async () => {
    const { store, units, policy, ask, used } = made();
    await ask([chargeOf(policy), chargeOf(other)]);
    await units.refund(refunding([chargeOf(policy, 5), chargeOf(other, 1)]));
    expect(store.asked.slice(1)).toEqual(['refund 10', 'refund 4+1']);
    expect(await used()).toBe(0);
  });

  it('needs no store that remembers refusals', async () => {
    const { store, policy, ask } = made();
    Object.assign(store, { recall: undefined });
    for (let call = 0; call < 2; call += 1) {
      expect(await ask([chargeOf(policy), chargeOf(other)])).toMatchObject({ allowed: true });
    }
  });

  it('does not trust a refusal that was known before what is held of one of them', async () => {
    const { store, policy, ask, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
    const refusal = { allowed: false, nowMs: 0, policies: [], source: 'cache' } as const;
    await consume(7);
    store.recall = () => refusal;
    expect(await ask([chargeOf(policy, 5), chargeOf(other)])).toMatchObject({ allowed: true });
  });
});

describe('several leased policies', () => {
  const second = leasedPolicy({ name: 'second', limit: 10 });

  it('are answered with the time of the store', async () => {
    const { clock, policy, ask } = made({ aheadMs: 3_000 });
    const both = [chargeOf(policy), chargeOf(second)];
    await ask(both);
    clock.advance(250);
    expect(await ask(both)).toMatchObject({ source: 'cache', nowMs: clock() + 3_000 });
  });

  it('are taken once each, also by a call that waits for a debit', async () => {
    const { store, policy, ask, consume } = made();
    await consume();
    const { gate, open } = closedGate();
    store.inbound = gate;
    const debit = ask([chargeOf(second)]);
    await tick();
    store.inbound = undefined;
    const call = ask([chargeOf(policy), chargeOf(second)]);
    await tick();
    open();
    await debit;
    expect(await call).toMatchObject({ allowed: true, policies: [{ remaining: 148 }, { remaining: 8 }] });
    for (let held = 8; held > 0; held -= 1) expect((await ask([chargeOf(policy)])).source).toBe('cache');
    expect((await ask([chargeOf(policy)])).source).toBeUndefined();
  });
});

describe('a call while another debits in advance', () => {
  /** The debit of a call of cost 1, whose answer comes when a test lets it. */
  async function debiting(policy: Policy) {
    const all = made({ policy });
    const { gate, open } = closedGate();
    all.store.inbound = gate;
    const debit = all.consume();
    await tick();
    all.store.inbound = undefined;
    return { ...all, debit, open };
  }

  it('waits for that debit, whatever it debits itself of another policy', async () => {
    const { policy, ask, debit, open } = await debiting(leasedPolicy({ limit: 10 }));
    const call = ask([chargeOf(policy), chargeOf(leasedPolicy({ name: 'second' }))]);
    for (let turn = 0; turn < 5; turn += 1) await tick();
    open();
    await debit;
    expect(await call).toMatchObject({ allowed: true });
  });

  it('does not wait for it to be refused by another policy', async () => {
    const { store, policy, ask, debit, open } = await debiting(leasedPolicy());
    await store.consume({ charges: [chargeOf(other, 1_000)], timeoutMs: 5_000 });
    expect(await ask([chargeOf(policy), chargeOf(other)])).toMatchObject({
      allowed: false,
      policies: [{ allowed: true }, { allowed: false }],
    });
    open();
    expect(await debit).toMatchObject({ allowed: true });
  });
});

describe('a process that holds nothing', () => {
  it('looks after nothing', async () => {
    const { units, consume } = made({ policy: leasedPolicy({ lease: 'auto' }) });
    await consume();
    expect(units.isWatching).toBe(false);
  });

  it('debits nothing in advance for a call that costs nothing', async () => {
    const { store, consume } = made();
    await consume(0);
    expect(store.asked).toEqual(['consume 0']);
  });

  it('gives a refund to the store after a refusal, since the key may be in debt', async () => {
    const { store, units, policy, consume, takeAll } = made({ policy: leasedPolicy({ limit: 10 }) });
    await consume();
    await takeAll();
    const asked = store.asked.length;
    expect(units.keeps(refunding([chargeOf(policy)]))).toBe(false);
    await units.refund(refunding([chargeOf(policy)]));
    expect(store.asked.slice(asked)).toEqual(['refund 1']);
  });

  it('does the same if other processes used up the rest', async () => {
    const { store, units, policy, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
    await consume();
    await consume(9);
    await store.consume({ charges: [chargeOf(policy, 10)], timeoutMs: 5_000 });
    expect(await consume()).toMatchObject({ allowed: false });
    expect(units.keeps(refunding([chargeOf(policy)]))).toBe(false);
  });
});
