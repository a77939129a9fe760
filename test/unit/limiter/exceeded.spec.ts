import type { Charge } from '../../../lib/contracts/backend.js';
import type { LimitedDecision, PolicyStatus } from '../../../lib/contracts/decision.js';
import type { Policy } from '../../../lib/contracts/policy.js';
import { exceeded, type PolicyDecisionRequest } from '../../../lib/limiter/decision-request.js';
import type { CompiledPolicy } from '../../../lib/policies/compiled-policy.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';

/** A policy of a call: what is special about it, and what it decided. */
interface Part {
  readonly policy?: Partial<Policy>;
  readonly message?: string;
  readonly status?: Partial<PolicyStatus>;
}

const REFUSED = { allowed: false, retryAfterMs: 5 };

function exceptionOf(...parts: readonly Part[]) {
  const policies = parts.map(({ policy, message }, index): CompiledPolicy => {
    const made = testPolicy({ algorithm: 'fixed-window', limit: 1, windowMs: 1_000, id: String(index), ...policy });
    return { policy: made, ...(message !== undefined && { message }) } as CompiledPolicy;
  });
  const charges = policies.map(({ policy }): Charge => ({ key: 'key', policy, cost: 1 }));
  const statuses = parts.map(({ status }) => ({ allowed: true, retryAfterMs: 0, mode: 'enforce', ...status }));
  const request = { policies, charges, failureMode: 'closed', timeoutMs: 5 } as PolicyDecisionRequest;
  const decision = { kind: 'limited', policies: statuses, retryAfterMs: 5 } as unknown as LimitedDecision;
  return { decision, exception: exceeded(request, decision) };
}

describe('the exception of a refused call', () => {
  it('has the decision', () => {
    const { decision, exception } = exceptionOf({ status: REFUSED });
    expect(exception.decision).toBe(decision);
    expect(exception.getStatus()).toBe(429);
  });

  it.each<[string, readonly Part[], string]>([
    ['of the policy that refuses', [{ message: 'one', status: REFUSED }], 'one'],
    ['of no policy that lets it pass', [{ message: 'one' }, { status: REFUSED }], 'Too Many Requests'],
    [
      'of the first policy that refuses and has one',
      [
        { message: 'zero' },
        { status: REFUSED },
        { message: 'two', status: REFUSED },
        { message: 'three', status: REFUSED },
      ],
      'two',
    ],
    [
      'of no shadow policy',
      [
        { message: 'one', status: { ...REFUSED, mode: 'shadow' } },
        { message: 'two', status: REFUSED },
      ],
      'two',
    ],
    ['of its own if none has one', [{ status: REFUSED }], 'Too Many Requests'],
  ])('has the message %s', (_what, parts, message) => {
    expect(exceptionOf(...parts).exception.message).toBe(message);
  });

  const blocking = { blockForMs: 1_000 };
  it.each<[string, readonly Part[], boolean]>([
    ['a policy that blocks refuses', [{ policy: blocking, status: REFUSED }], true],
    ['one of several does', [{ status: REFUSED }, { policy: blocking, status: REFUSED }, {}], true],
    ['it lets the call pass', [{ policy: blocking }, { status: REFUSED }], false],
    ['it is in shadow', [{ policy: blocking, status: { ...REFUSED, mode: 'shadow' } }, { status: REFUSED }], false],
    ['the call can never pass', [{ policy: blocking, status: { ...REFUSED, retryAfterMs: null } }], false],
    ['no policy blocks', [{ status: REFUSED }, { status: REFUSED }], false],
  ])('tells whether the key is blocked, if %s', (_what, parts, blocked) => {
    expect(exceptionOf(...parts).exception.blocked).toBe(blocked);
  });
});
