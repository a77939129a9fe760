import { setImmediate as tick } from 'node:timers/promises';
import type { Charge } from '../../../../lib/contracts/backend.js';
import type { Policy } from '../../../../lib/contracts/policy.js';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy, made } from './prepaid-store.js';

const chargeOf = (policy: Policy, cost = 1): Charge => ({ key: 'k', policy, cost });

describe('the deadline of a call that asks twice', () => {
  /** Another process has used 15 of 20: a debit of 10 is refused, and the answer takes some time. */
  async function askedAgain(tookMs: number, cost = 1) {
    const { clock, store, policy, ask } = made({ policy: leasedPolicy({ limit: 20 }) });
    await store.consume({ charges: [chargeOf(policy, 15)], timeoutMs: 5_000 });
    const timeouts: number[] = [];
    const { consume } = store;
    store.consume = (request) => {
      timeouts.push(request.timeoutMs);
      return consume.call(store, request);
    };
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = ask([chargeOf(policy, cost)]);
    await tick();
    clock.advance(tookMs);
    store.inbound = undefined;
    open();
    const { allowed } = await call;
    return { allowed, timeouts };
  }

  it.each([
    ['is what is left of it', 1_000, true, [5_000, 4_000]],
    ['is a millisecond at least', 4_999.5, true, [5_000, 1]],
    ['does not let it ask again when it is over', 5_000, false, [5_000]],
  ])('%s', async (_what, tookMs, allowed, timeouts) => {
    expect(await askedAgain(tookMs)).toEqual({ allowed, timeouts });
  });

  it('lets an overdraft ask once, however long it took to give back before', async () => {
    const { clock, store, units, policy, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
    await consume();
    const { gate, open } = closedGate();
    store.inbound = gate;
    const call = units.consume({ charges: [chargeOf(policy, 30)], timeoutMs: 5_000, overdraw: true });
    await tick();
    clock.advance(6_000);
    store.inbound = undefined;
    open();
    expect(await call).toMatchObject({ allowed: true });
    expect(store.asked).toEqual(['consume 10', 'refund 9', 'consume 30']);
  });

  it.each([
    ['lets it ask once more after what is held is given back', 4_999.5, true, ['refund 2', 'consume 12']],
    ['does not if that took all of it', 5_000, false, ['refund 2']],
  ])('%s', async (_what, tookMs, allowed, asked) => {
    const { clock, store, consume } = made({ policy: leasedPolicy({ limit: 20 }) });
    await consume();
    await consume(7);
    store.asked.length = 0;
    const { refund } = store;
    store.refund = (request) => {
      clock.advance(tookMs);
      return refund.call(store, request);
    };
    expect((await consume(12)).allowed).toBe(allowed);
    expect(store.asked.slice(1)).toEqual(asked);
  });
});
