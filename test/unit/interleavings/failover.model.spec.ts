import fc from 'fast-check';
import type { Reply } from '../../../lib/contracts/backend.js';
import { isUnavailable } from '../../../lib/contracts/errors.js';
import { FailoverBackend } from '../../../lib/limiter/failover.backend.js';
import { type ManualClock, manualClock } from '../../support/manual-clock.js';
import { COMMANDS, prove } from '../../support/proof.js';
import { ReferenceModel } from '../breaker/reference.model.js';
import { oneCall, refused, ScriptedBackend } from '../limiter/failover/scripted-backend.js';

const NAMES = ['first', 'second', 'third'] as const;
const BREAKER = { failureThreshold: 2, recoveryTimeout: 10_000, resetTimeout: 15_000, backoffMax: 40_000 } as const;
const FAILBACK = { failbackProbes: 2, failbackInterval: 1_000 } as const;

/** A member as plainly as it can be said: whether it works, its breaker's table, and when it was last pinged. */
interface Member {
  readonly name: string;
  readonly circuit: ReferenceModel;
  readonly asked: string[];
  works: boolean;
  lastPingMs: number;
}

interface Model {
  readonly members: readonly Member[];
  readonly isRoundRobin: boolean;
  turn: number;
}

interface Real {
  readonly clock: ManualClock;
  readonly backends: readonly ScriptedBackend[];
  readonly failover: FailoverBackend;
}

/** Asks a member through its breaker. Answers when it may be asked again; 0: it answered. */
function ask({ circuit, asked, works }: Member, verb: string, nowMs: number): number {
  const permit = circuit.acquire(nowMs);
  if (permit === undefined) return Math.max(1, circuit.retryAfter(nowMs));
  asked.push(verb);
  circuit.settle(permit, works ? 'success' : 'failure', nowMs);
  return works ? 0 : Math.max(1, circuit.retryAfter(nowMs));
}

/** Pings those that are out of service, as far as it is time, and answers all in the order of trust. */
function inOrder(model: Model, nowMs: number): readonly Member[] {
  const { members, isRoundRobin } = model;
  for (const member of members) {
    if (member.circuit.state === 'closed' || nowMs - member.lastPingMs < FAILBACK.failbackInterval) continue;
    if (ask(member, 'ping', nowMs) === 0) member.lastPingMs = nowMs;
  }
  const inService = members.filter(({ circuit }) => circuit.state === 'closed');
  const others = members.filter((member) => !inService.includes(member));
  const first = isRoundRobin && inService.length > 1 ? model.turn++ % inService.length : 0;
  return [...inService.slice(first), ...inService.slice(0, first), ...others];
}

/** Who answers a call, or when it is worth another. */
function consume(model: Model, nowMs: number): { backend: string; source: string } | { retryAfterMs: number } {
  const order = inOrder(model, nowMs);
  const primary = model.isRoundRobin ? order[0] : model.members[0];
  const waits: number[] = [];
  for (const member of order) {
    const waitMs = ask(member, 'consume', nowMs);
    if (waitMs === 0) return { backend: member.name, source: member === primary ? 'primary' : 'fallback' };
    waits.push(member.circuit.retryAfter(nowMs));
  }
  return { retryAfterMs: Math.min(...waits) };
}

class Command implements fc.Command<Model, Real> {
  constructor(
    private readonly name: string,
    private readonly act: (model: Model, real: Real, nowMs: number) => void,
  ) {}

  check(): boolean {
    return true;
  }

  run(model: Model, real: Real): void {
    this.act(model, real, real.clock());
    const asked = real.backends.map((backend) => backend.drain());
    expect(asked).toEqual(model.members.map((member) => member.asked.splice(0)));
    const states = real.failover.members.map(({ breaker }) => breaker?.status().state);
    expect(states).toEqual(model.members.map(({ circuit }) => circuit.state));
  }

  toString(): string {
    return this.name;
  }
}

const call = fc.constant(
  new Command('consume', (model, { failover }, nowMs) => {
    const expected = consume(model, nowMs);
    let answer: unknown;
    try {
      answer = failover.consume(oneCall({ limit: 1_000 })) as Reply;
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      answer = { retryAfterMs: error.retryAfterMs };
    }
    expect(answer).toMatchObject(expected);
  }),
);

const place = fc.nat(NAMES.length - 1);

const change = fc.tuple(place, fc.boolean()).map(([index, works]) => {
  const name = `${NAMES[index] ?? ''} ${works ? 'works' : 'fails'}`;
  return new Command(name, ({ members }, { backends }) => {
    const backend = backends[index] as ScriptedBackend;
    backend.error = works ? undefined : refused();
    (members[index] as Member).works = works;
  });
});

const later = fc
  .oneof(fc.nat(1_200), fc.nat(12_000))
  .map((ms) => new Command(`${ms} ms later`, (_model, { clock }) => clock.advance(ms)));

it('asks whom it should, and lets a member back only after it has proved itself, whatever fails when', async () => {
  const anything = fc.oneof(
    { weight: 5, arbitrary: call },
    { weight: 2, arbitrary: change },
    { weight: 3, arbitrary: later },
  );
  const property = fc.property(fc.boolean(), fc.commands([anything], COMMANDS), (isRoundRobin, commands) => {
    fc.modelRun(() => {
      const clock = manualClock(0);
      const backends = NAMES.map((name) => new ScriptedBackend(name));
      const strategy = isRoundRobin ? 'round-robin' : 'first-healthy';
      const failover = new FailoverBackend(backends, { strategy, clock, ...FAILBACK });
      for (const member of failover.members) {
        const circuitBreaker = { ...BREAKER, jitter: 0, clock };
        member.connect({ circuitBreaker, timeoutMs: 1_000, notify: () => undefined });
      }
      const members = NAMES.map((name): Member => {
        const options = {
          ...BREAKER,
          halfOpenMaxCalls: 1,
          successThreshold: FAILBACK.failbackProbes,
          backoffMultiplier: 2,
          jitter: 0,
          callTimeout: 1_000,
          rate: undefined,
        };
        return { name, circuit: new ReferenceModel(options), asked: [], works: true, lastPingMs: -Infinity };
      });
      return { model: { members, isRoundRobin, turn: 0 }, real: { clock, backends, failover } };
    }, commands);
  });
  await prove(property, 150);
});
