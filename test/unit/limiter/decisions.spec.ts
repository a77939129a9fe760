import type { PolicyStatus, Reply } from 'nestjs-floodgate';
import { decisionOf, failedOpen, notCounted, violated } from '../../../lib/limiter/decisions.js';

const status = (overrides: Partial<PolicyStatus> = {}): PolicyStatus => ({
  name: 'a',
  limit: 5,
  windowMs: 1_000,
  allowed: true,
  remaining: 4,
  resetAfterMs: 100,
  retryAfterMs: 0,
  mode: 'enforce',
  ...overrides,
});

const reply = (allowed: boolean, ...policies: PolicyStatus[]): Reply => ({ allowed, nowMs: 7, policies });

const refusing = (retryAfterMs: number | null) => status({ allowed: false, retryAfterMs });
const watching = (retryAfterMs: number | null) => status({ allowed: false, retryAfterMs, mode: 'shadow' });

describe('a decision', () => {
  it('is allowed as the reply is, shadow policies included', () => {
    const policies = [status(), watching(50)];
    expect(decisionOf(reply(true, ...policies), 'redis', 'primary')).toEqual({
      kind: 'allowed',
      allowed: true,
      source: 'primary',
      backend: 'redis',
      policies,
    });
  });

  it.each<[number | null, PolicyStatus[]]>([
    [30, [refusing(10), refusing(30), refusing(20)]],
    [10, [refusing(10), status({ retryAfterMs: 99 })]],
    [10, [refusing(10), watching(99)]],
    [10, [refusing(10), watching(null)]],
    [null, [refusing(10), refusing(null)]],
  ])('says to wait %p ms, the longest of the policies that refuse', (retryAfterMs, policies) => {
    expect(decisionOf(reply(false, ...policies), 'redis', 'primary')).toMatchObject({ kind: 'limited', retryAfterMs });
  });

  it('names the member that decided for a composite', () => {
    const signed: Reply = { ...reply(true, status()), backend: 'second', source: 'fallback' };
    expect(decisionOf(signed, 'failover', 'primary')).toMatchObject({ backend: 'second', source: 'fallback' });
  });

  it('knows nothing where nobody decided', () => {
    const unknown = { kind: 'unenforced', allowed: true, source: 'none', backend: null, policies: [] };
    const cause = new Error('down');
    expect(failedOpen(cause)).toEqual({ ...unknown, reason: 'failed-open', cause });
    expect(notCounted('skipped')).toEqual({ ...unknown, reason: 'skipped' });
    expect(notCounted('disabled')).toEqual({ ...unknown, reason: 'disabled' });
  });

  it('is violated by enforced policies alone', () => {
    const one = refusing(1);
    expect(violated([status(), one, watching(1)])).toEqual([one]);
  });
});
