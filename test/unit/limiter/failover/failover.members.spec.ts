import { memoryBackend } from '../../../../lib/backends/memory/memory.backend.js';
import { ALGORITHM_NAMES } from '../../../../lib/contracts/policy.js';
import type { Backend, RenewRequest, Reply } from '../../../../lib/contracts/backend.js';
import {
  failoverBackend,
  FailoverBackend,
  type FailoverBackendOptions,
} from '../../../../lib/limiter/failover.backend.js';
import { GuardedBackend } from '../../../../lib/limiter/guarded-backend.js';
import { manualClock } from '../../../support/manual-clock.js';
import { expectNoUnhandled } from '../../../support/unhandled.js';
import { oneCall, refused, ScriptedBackend, type ScriptedBackendOptions } from './scripted-backend.js';

/** Members of these names, whose breakers trip at the second failure. */
function failoverOf(names: readonly string[], options: FailoverBackendOptions = {}, made: ScriptedBackendOptions = {}) {
  const clock = manualClock(0);
  const circuitBreaker = { failureThreshold: 2, recoveryTimeout: '10s', jitter: 0, clock };
  const members = names.map((name) => new ScriptedBackend(name, { circuitBreaker, ...made }));
  const failover = new FailoverBackend(members, { clock, ...options });
  const decided = (): string | undefined => (failover.consume(oneCall()) as Reply).backend;
  return { clock, members, failover, decided };
}

/** The failure of a call, thrown or by promise. */
const failureOf = async (call: () => unknown): Promise<unknown> => {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('the order of members', () => {
  it('stays as it was given among those that are in service', () => {
    const { decided, failover } = failoverOf(['first', 'second', 'third']);
    failover.members[0]!.breaker!.forceOpen();
    expect([decided(), decided(), decided()]).toEqual(['second', 'second', 'second']);
  });

  it('has each member once, also when all fail', () => {
    const { members, decided, failover } = failoverOf(['first', 'second']);
    failover.members[0]!.breaker!.forceOpen();
    members[1]!.error = refused();
    expect(decided).toThrow();
    expect(members.map((member) => member.drain())).toEqual([[], ['consume']]);
  });

  it('takes no turn from anybody while a member is alone', () => {
    const { decided, failover } = failoverOf(['first', 'second'], { strategy: 'round-robin' });
    expect(decided()).toBe('first');
    const { breaker } = failover.members[1]!;
    breaker!.forceOpen();
    expect(decided()).toBe('first');
    breaker!.reset();
    expect([decided(), decided()]).toEqual(['second', 'first']);
  });
});

describe('renewal', () => {
  /** Members that tell which slots they renewed; the first of them has none. */
  function renewing() {
    const names = ['none', 'some', 'others'];
    const all = failoverOf(names);
    const renewed: string[] = [];
    for (const member of all.members.slice(1)) {
      Object.assign(member, {
        renew: ({ timeoutMs }: RenewRequest) => {
          renewed.push(`${member.name} within ${timeoutMs} ms`);
          if (member.error !== undefined) throw member.error as Error;
        },
      });
    }
    return { ...all, renewed };
  }

  it('goes to the member that gave the slots, even when another member would give them now', () => {
    const { failover, renewed } = renewing();
    void failover.renew({ ...oneCall({ timeoutMs: 70 }), backend: 'others' });
    expect(renewed).toEqual(['others within 70 ms']);
  });

  it('goes to nobody else when that member is away', () => {
    const { failover, members, renewed } = renewing();
    members[1]!.error = refused();
    expect(() => failover.renew({ ...oneCall(), backend: 'some' })).toThrow("backend 'some' is unavailable");
    expect(renewed).toHaveLength(1);
  });

  it('goes where slots would be given now if nobody knows who gave them', () => {
    const { failover, members, renewed } = renewing();
    members[1]!.error = refused();
    void failover.renew(oneCall({ timeoutMs: 60 }));
    expect(renewed).toEqual(['some within 60 ms', 'others within 60 ms']);
  });
});

describe('a ping of a failover', () => {
  it('asks the next member only if one fails, and fails if all do', async () => {
    const { failover, members } = failoverOf(['first', 'second']);
    const { signal } = new AbortController();
    void failover.ping(signal);
    expect(members.map((member) => member.drain())).toEqual([['ping'], []]);
    members[0]!.error = refused();
    void failover.ping(signal);
    expect(members.map((member) => member.drain())).toEqual([['ping'], ['ping']]);
    members[1]!.error = refused();
    expect(await failureOf(() => failover.ping(signal))).toMatchObject({
      backend: 'failover',
      cause: { message: 'Every member failed' },
    });
  });
});

describe.each([
  ['at once', false],
  ['by promises', true],
])('members that answer %s', (_how, async) => {
  it('let the bug of one of them propagate from a reset', async () => {
    const { failover, members } = failoverOf(['first', 'second'], {}, { async });
    const bug = (members[1]!.error = new TypeError('a bug'));
    expect(await failureOf(() => failover.reset(oneCall()))).toBe(bug);
    expect(members.map((member) => member.drain())).toEqual([['reset'], ['reset']]);
  });

  it('fail to reset only together', async () => {
    const { failover, members } = failoverOf(['first', 'second'], {}, { async });
    members[0]!.error = refused();
    expect(await failureOf(() => failover.reset(oneCall()))).toBeUndefined();
    members[1]!.error = refused();
    expect(await failureOf(() => failover.reset(oneCall()))).toMatchObject({ backend: 'failover' });
  });

  it('fail to close if one of them does', async () => {
    const { failover, members } = failoverOf(['first', 'second'], {}, { async });
    const stuck = (members[1]!.error = new Error('stuck'));
    expect(await failureOf(() => failover.close())).toBe(stuck);
    expect(members.map((member) => member.drain())).toEqual([['close'], ['close']]);
  });

  it('leave no failed ping behind that nobody handles', async () => {
    const { failover, members, clock } = failoverOf(['first', 'second'], {}, { async });
    members[0]!.error = refused();
    const decide = async (): Promise<Reply> => failover.consume(oneCall());
    await decide();
    await decide();
    members[0]!.drain();
    clock.advance(10_000);
    await expectNoUnhandled(async () => expect(await decide()).toMatchObject({ backend: 'second' }));
    expect(members[0]!.drain()).toEqual(['ping']);
  });
});

describe('the options of a failover', () => {
  const two = (): Backend[] => [memoryBackend(), memoryBackend({ name: 'other' })];

  it('may all be given', () => {
    const options = { strategy: 'round-robin', failbackProbes: 1, failbackInterval: 5, name: 'all', clock: () => 0 };
    expect(failoverBackend(two(), options as FailoverBackendOptions).name).toBe('all');
  });

  it.each([
    ['the first', true],
    ['the second', false],
  ])('offer no calendar if %s member has none', (_which, isFirst) => {
    const none = new ScriptedBackend('none', { capabilities: { algorithms: ALGORITHM_NAMES } });
    const { capabilities } = failoverBackend(isFirst ? [none, memoryBackend()] : [memoryBackend(), none]);
    expect(capabilities).toEqual({ algorithms: ALGORITHM_NAMES });
  });

  it('leave the breakers to the members', () => {
    expect(new GuardedBackend(failoverBackend(two())).breaker).toBeNull();
  });

  it.each<[string, () => unknown, string]>([
    [
      'an option that there is not',
      () => failoverBackend(two(), { probes: 1 } as FailoverBackendOptions),
      'failoverBackend.probes: received 1. There is no such option. The options are strategy, failbackProbes, failbackInterval, name, clock.',
    ],
    [
      'half a ping',
      () => failoverBackend(two(), { failbackProbes: 1.5 }),
      'failoverBackend.failbackProbes: received 1.5. Give a whole number of at least 1.',
    ],
    [
      'members of different algorithms',
      () =>
        failoverBackend([
          memoryBackend(),
          new ScriptedBackend('log', { capabilities: { algorithms: ['sliding-log'] } }),
        ]),
      "failoverBackend: received ''memory' and 'log' differ in ",
    ],
    [
      'one member',
      () => failoverBackend([memoryBackend()]),
      'failoverBackend: received an array of 1. Give at least two backends.',
    ],
    [
      'two members of one name',
      () => failoverBackend([memoryBackend(), memoryBackend()]),
      "failoverBackend: received 'memory'. Two members have this name: give one another.",
    ],
    [
      'a failover within another',
      () => failoverBackend([memoryBackend(), failoverBackend(two())]),
      "failoverBackend: received 'failover'. List its members here: failovers do not nest.",
    ],
  ])('are refused: %s', (_what, build, message) => {
    expect(build).toThrow(message);
  });
});
