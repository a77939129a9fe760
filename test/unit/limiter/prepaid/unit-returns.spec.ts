import { UnitHolding } from '../../../../lib/limiter/unit-holding.js';
import { UnitReturns } from '../../../../lib/limiter/unit-returns.js';
import { closedGate } from '../closed-gate.js';
import { leasedPolicy } from './prepaid-store.js';

const status = { name: 'leased', limit: 150, windowMs: 60_000, remaining: 90, resetAfterMs: 10_000, retryAfterMs: 0 };
const told = { status: { ...status, allowed: true, mode: 'enforce' }, nowMs: 1_000_000, sentMs: 0 } as const;

it('a refusal is not final until all units are given back, in whatever order that was asked', async () => {
  const gates = [closedGate(), closedGate()] as const;
  const answers = gates.map(({ gate }) => gate).values();
  const returns = new UnitReturns({ refund: () => answers.next().value }, () => 500);
  const holding = new UnitHolding('k', leasedPolicy());
  const giveBack = (): Promise<void> => {
    holding.charged(1, 9, told);
    return returns.giveBack(holding);
  };
  const [first, second] = [giveBack(), giveBack()];
  gates[0].open();
  await first;
  expect(holding.isBusy).toBe(true);
  gates[1].open();
  await second;
  expect(holding.isBusy).toBe(false);
});
