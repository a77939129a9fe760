import type { Charge, Reply } from '../../../../lib/contracts/backend.js';
import { BackendUnavailableError } from '../../../../lib/contracts/errors.js';
import { MemoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import {
  consumeForAll,
  runForAll,
  sharesOf,
  type RunForSubject,
} from '../../../../lib/backends/redis/cluster-decision.js';
import { testPolicy } from '../../../../lib/testing/test-policy.js';
import { manualClock } from '../../../support/manual-clock.js';

const perUser = testPolicy({ name: 'per-user', algorithm: 'fixed-window', limit: 3, windowMs: 60_000 });
const perUserBlocking = { ...perUser, id: 'blocking', name: 'blocking', blockForMs: 500 };
const overall = testPolicy({ name: 'overall', algorithm: 'sliding-log', limit: 5, windowMs: 60_000 });
const watched = testPolicy({ name: 'watched', algorithm: 'fixed-window', limit: 1, windowMs: 60_000, mode: 'shadow' });

const of = (key: string, policy: typeof perUser, cost = 1): Charge => ({ key, policy, cost });

/** Slots of a cluster: each subject on a node of its own, with a clock of its own. */
function cluster() {
  const clock = manualClock();
  const nodes = new Map<string, MemoryBackend>();
  const calls: string[] = [];
  const nodeOf = (key: string): MemoryBackend => {
    const node = nodes.get(key) ?? new MemoryBackend({ clock: () => clock() + nodes.size });
    nodes.set(key, node);
    return node;
  };
  const run: RunForSubject = async (verb, charges) => {
    const { key } = charges[0]!;
    calls.push(`${verb.kind} ${key}`);
    const request = { charges, timeoutMs: 100 };
    const node = nodeOf(key);
    switch (verb.kind) {
      case 'consume':
        return node.consume({ ...request, overdraw: verb.overdraw });
      case 'peek':
        return node.peek(request);
      case 'refund':
        node.refund({ ...request, ...(verb.chargedAtMs === undefined ? {} : { chargedAtMs: verb.chargedAtMs }) });
        return node.peek(request);
      case 'renew':
        node.renew(request);
        return node.peek(request);
      case 'reset':
        node.reset(request);
        return node.peek(request);
    }
  };
  const consume = (charges: readonly Charge[], overdraw = false): Promise<Reply> =>
    consumeForAll(run, { charges, overdraw, timeoutMs: 100 }, sharesOf(charges));
  const peek = (charges: readonly Charge[]): Promise<Reply> => runForAll(run, { kind: 'peek' }, sharesOf(charges));
  const left = async (...charges: Charge[]): Promise<number[]> =>
    (await peek(charges)).policies.map(({ remaining }) => remaining);
  return { run, calls, consume, left, clock };
}

describe('a decision on subjects in different slots', () => {
  it('asks for the policies of one subject together', () => {
    const charges = [of('user', perUser), of('global', overall), of('user', watched)];
    expect(sharesOf(charges)).toEqual([
      { charges: [charges[0], charges[2]], places: [0, 2] },
      { charges: [charges[1]], places: [1] },
    ]);
  });

  it('charges each, and replies in the order of the request, as of the earliest clock', async () => {
    const { consume, left } = cluster();
    const charges = [of('user', perUser), of('global', overall, 2), of('user', watched)];
    const reply = await consume(charges);
    expect(reply).toMatchObject({ allowed: true, nowMs: manualClock()() + 1 });
    expect(reply.policies.map(({ name, remaining }) => [name, remaining])).toEqual([
      ['per-user', 2],
      ['overall', 3],
      ['watched', 0],
    ]);
    expect(await left(...charges)).toEqual([2, 3, 0]);
  });

  it('gives a bucket back no token that was refilled before the refusal was known', async () => {
    const { run, clock, consume, left } = cluster();
    const bucket = testPolicy({ name: 'bucket', algorithm: 'token-bucket', limit: 5, windowMs: 60_000 });
    const [own, shared] = [of('user', bucket, 5), of('global', perUser, 3)];
    await consume([shared]);
    const late: RunForSubject = async (verb, charges) => {
      if (verb.kind === 'refund') {
        clock.advance(60_000);
        await consume([own]);
      }
      return run(verb, charges);
    };
    await consumeForAll(late, { charges: [own, shared], timeoutMs: 100 }, sharesOf([own, shared]));
    expect(await left(own)).toEqual([0]);
  });

  it('gives all back when one refuses, and says what an atomic decision would have said', async () => {
    const { consume, left } = cluster();
    const charges = [of('user', perUser), of('global', overall)];
    await consume([of('user', perUser, 3)]);
    expect(await consume(charges)).toEqual({
      allowed: false,
      nowMs: expect.any(Number),
      policies: [
        expect.objectContaining({ name: 'per-user', allowed: false, remaining: 0, retryAfterMs: expect.any(Number) }),
        expect.objectContaining({ name: 'overall', allowed: true, remaining: 5, resetAfterMs: 0, retryAfterMs: 0 }),
      ],
    });
    expect(await left(...charges)).toEqual([0, 5]);
  });

  it('does not give back what was not charged: a shadow policy that refused, a cost of 0, a share that refused', async () => {
    const { consume, left, calls } = cluster();
    await consume([of('user', watched), of('spare', watched)]);
    await consume([of('global', overall, 5)]);
    calls.length = 0;
    await consume([of('user', watched), of('spare', perUser, 0), of('global', overall)]);
    expect(calls).toEqual(['consume user', 'consume spare', 'consume global']);
    expect(await left(of('user', watched))).toEqual([0]);
  });

  it('leaves the block that a refusal set', async () => {
    const { consume, left } = cluster();
    await consume([of('user', perUserBlocking, 3)]);
    const { policies } = await consume([of('user', perUserBlocking), of('global', overall)]);
    expect(policies[0]).toMatchObject({ allowed: false, retryAfterMs: 500 });
    expect(await left(of('global', overall))).toEqual([5]);
  });

  it('overdraws each', async () => {
    const { consume } = cluster();
    const reply = await consume([of('user', perUser, 9), of('global', overall, 9)], true);
    expect(reply).toMatchObject({ allowed: true, policies: [{ remaining: 0 }, { remaining: 0 }] });
  });

  it('gives back what it reserved when a node fails, and tells of the failure', async () => {
    const { run, left } = cluster();
    const down = BackendUnavailableError.of({ backend: 'redis' });
    const broken: RunForSubject = (verb, charges) =>
      charges[0]!.key === 'global' ? Promise.reject(down) : run(verb, charges);
    const charges = [of('user', perUser), of('global', overall)];
    await expect(consumeForAll(broken, { charges, timeoutMs: 100 }, sharesOf(charges))).rejects.toBe(down);
    expect(await left(of('user', perUser))).toEqual([3]);
  });

  it('tells of a bug rather than of the outage that came with it', async () => {
    const bug = new TypeError('boom');
    const failures: Record<string, Error> = { user: BackendUnavailableError.of({ backend: 'redis' }), global: bug };
    const charges = [of('user', perUser), of('global', overall)];
    const broken: RunForSubject = (_verb, [charge]) => Promise.reject(failures[charge!.key]);
    await expect(consumeForAll(broken, { charges, timeoutMs: 100 }, sharesOf(charges))).rejects.toBe(bug);
  });

  it.each([
    [BackendUnavailableError.of({ backend: 'redis' }), 'still refuses'],
    [new TypeError('boom'), 'throws'],
  ])('when giving back fails with %s, it %s', async (failure, outcome) => {
    const { run, consume } = cluster();
    await consume([of('user', perUser, 3)]);
    const broken: RunForSubject = (verb, charges) =>
      verb.kind === 'refund' ? Promise.reject(failure) : run(verb, charges);
    const charges = [of('user', perUser), of('global', overall)];
    const deciding = consumeForAll(broken, { charges, timeoutMs: 100 }, sharesOf(charges));
    if (outcome === 'throws') await expect(deciding).rejects.toBe(failure);
    else expect(await deciding).toMatchObject({ allowed: false, policies: [{ allowed: false }, { remaining: 4 }] });
  });
});
