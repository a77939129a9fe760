import { setImmediate as turn } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { type Clock, install } from '@sinonjs/fake-timers';
import { BackendService, memoryBackend, RateLimitEvents, RateLimitModule } from 'nestjs-floodgate';
import type { Backend } from '../../../lib/contracts/backend.js';
import { randomNumbers } from '../../support/random-numbers.js';
import { type Caller, callersOf, controllers, killable, type RouteName, ROUTES } from './slot-calls.js';

/** Calls that end. `npm run prove:slots` ends a million. */
const ENDS = Number(process.env['ENDS'] ?? 5_000);
const SEED = Number(process.env['SEED'] ?? 1);
const LEASE_MS = 60_000;
const RENEWAL_MS = LEASE_MS / 3;
const LIMITS = { one: 2, many: 20, fifo: 5, lifo: 5 } as const;

type PolicyName = keyof typeof LIMITS;

const names = Object.keys(LIMITS) as PolicyName[];
const routes = Object.keys(ROUTES) as RouteName[];

/** Notes which slots a store gives and takes back. A late one decides at once, and its answers are on their way. */
class Ledger {
  readonly held = new Set<number>();
  private readonly answers: (() => void)[] = [];
  readonly mistakes: string[] = [];
  given = 0;

  constructor(public isLate: boolean) {}

  /** Lets the first answers arrive; default: all. */
  arrive(count = this.answers.length): void {
    for (const go of this.answers.splice(0, count)) go();
  }

  get isQuiet(): boolean {
    return this.answers.length === 0;
  }

  watch(backend: Backend): Backend {
    const consume = backend.consume.bind(backend);
    const refund = backend.refund.bind(backend);
    return Object.assign(backend, {
      consume: (request: Parameters<Backend['consume']>[0]) => {
        const reply = consume(request) as Awaited<ReturnType<Backend['consume']>>;
        for (const { slot } of request.charges) if (reply.allowed && slot !== undefined) this.give(slot);
        return this.answer(reply);
      },
      refund: (request: Parameters<Backend['refund']>[0]) => {
        for (const { slot } of request.charges) {
          if (slot === undefined || !this.held.delete(slot)) this.mistakes.push(`slot ${slot} was freed twice`);
        }
        return this.answer(refund(request));
      },
    });
  }

  private answer<T>(value: T): T | Promise<T> {
    return this.isLate ? new Promise((resolve) => this.answers.push(() => resolve(value))) : value;
  }

  private give(slot: number): void {
    this.given += 1;
    if (this.held.has(slot)) this.mistakes.push(`slot ${slot} was given twice`);
    this.held.add(slot);
  }
}

interface Live {
  readonly kind: string;
  readonly policies: readonly PolicyName[];
  readonly sinceMs: number;
  readonly ends: Readonly<Record<string, () => unknown>>;
}

let clock: Clock;
let app: INestApplicationContext;
let ledger: Ledger;
const metered = new Map<string, number>();

async function start(isLate: boolean): Promise<void> {
  ledger = new Ledger(isLate);
  metered.clear();
  const slots = { algorithm: 'concurrency', leaseTime: LEASE_MS, key: 'global' } as const;
  const queue = { size: 4, maxWait: '5s' } as const;
  clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'], now: Date.UTC(2026, 0, 1) });
  app = await Test.createTestingModule({
    imports: [
      RateLimitModule.forRoot({
        timeout: '1h',
        backend: ledger.watch(memoryBackend({ clock: () => clock.now })),
        policies: {
          one: { ...slots, limit: LIMITS.one },
          many: { ...slots, limit: LIMITS.many },
          fifo: { ...slots, limit: LIMITS.fifo, queue },
          lifo: { ...slots, limit: LIMITS.lifo, queue: { ...queue, order: 'lifo' } },
        },
      }),
    ],
    controllers,
  }).compile();
  await app.init();
  app.get(RateLimitEvents).on((event) => {
    if (event.kind === 'slots') metered.set(event.policy, event.inUse);
  });
}

afterEach(async () => {
  await app.close();
  clock.uninstall();
});

it.each([
  ['at once', false],
  ['late', true],
])(
  `leaks no slot and frees none twice, in ${ENDS} ends of calls, by a store that answers %s`,
  async (_when, isLate) => {
    await start(isLate);
    const random = randomNumbers(SEED);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    const callers: readonly (readonly [string, Caller])[] = [
      ...Object.entries(callersOf(app)),
      ['process', killable(app)] as const,
    ];
    const waiting = new Set<{ hangUp(): void }>();
    const live: Live[] = [];
    /** When the leases of killed calls are over. */
    const dead: Record<PolicyName, number[]> = { one: [], many: [], fifo: [], lifo: [] };
    const killed: Record<PolicyName, number> = { one: 0, many: 0, fifo: 0, lifo: 0 };
    const ended = new Map<string, number>();
    let refused = 0;

    const begin = (): void => {
      const [kind, call] = pick(callers);
      const route = pick(routes);
      const asked = call(route);
      waiting.add(asked);
      void asked.held.then((held) => {
        waiting.delete(asked);
        if (held === undefined) refused += 1;
        else live.push({ kind, policies: ROUTES[route], sinceMs: clock.now, ends: held.ends });
      });
    };
    const end = (): void => {
      const [call] = live.splice(Math.floor(random() * live.length), 1);
      if (call === undefined) return;
      const how = pick(Object.keys(call.ends));
      if (how === 'kill') {
        const renewals = Math.floor((clock.now - call.sinceMs) / RENEWAL_MS);
        for (const policy of call.policies) {
          dead[policy].push(call.sinceMs + renewals * RENEWAL_MS + LEASE_MS);
          killed[policy] += 1;
        }
      }
      ended.set(`${call.kind}: ${how}`, (ended.get(`${call.kind}: ${how}`) ?? 0) + 1);
      call.ends[how]?.();
    };
    const settled = async (): Promise<void> => {
      do {
        ledger.arrive();
        await turn();
      } while (!ledger.isQuiet);
    };
    const pass = async (ms: number): Promise<void> => {
      // No answer is on its way for longer than a lease.
      ledger.isLate = false;
      await clock.tickAsync(ms);
      ledger.isLate = isLate;
    };
    const step = async (): Promise<void> => {
      const dice = random();
      if (dice < 0.48) begin();
      else if (dice < 0.93) end();
      else if (dice < 0.96) pick([...waiting])?.hangUp();
      else await settled();
      if (dice > 0.98) await pass(Math.floor(random() * (random() < 0.9 ? 2_000 : 3 * LEASE_MS)));
      ledger.arrive(Math.floor(random() * 3));
      await turn();
    };
    const check = async (): Promise<void> => {
      await settled();
      for (const name of names) {
        dead[name] = dead[name].filter((endMs) => endMs > clock.now);
        const held = live.filter(({ policies }) => policies.includes(name)).length;
        const [status] = (await app.get(BackendService).peek('global', name)).policies;
        const seen = { inUse: LIMITS[name] - status!.remaining, metered: metered.get(name) ?? 0 };
        const expected = { inUse: held + dead[name].length, metered: held + killed[name] };
        // `expect` takes longer than all the rest.
        if (JSON.stringify(seen) !== JSON.stringify(expected)) expect([name, seen]).toEqual([name, expected]);
      }
      if (ledger.mistakes.length > 0) expect(ledger.mistakes).toEqual([]);
    };

    const count = (): number => [...ended.values()].reduce((sum, one) => sum + one, 0);
    for (let steps = 0; count() < ENDS; steps += 1) {
      await step();
      if (steps % 10 === 0) await check();
    }
    for (const call of waiting) call.hangUp();
    await settled();
    while (live.length > 0) end();
    await check();
    await clock.tickAsync(LEASE_MS);
    await check();
    expect(dead).toEqual({ one: [], many: [], fifo: [], lifo: [] });
    // Slots of killed processes alone were never given back.
    expect(ledger.held.size).toBe(Object.values(killed).reduce((sum, one) => sum + one, 0));
    expect(clock.countTimers()).toBe(0);
    expect([...ended.keys()].length).toBe(21);
    expect(refused).toBeGreaterThan(0);
    if (process.env['ENDS'] !== undefined) {
      console.log(`${count()} ends, ${ledger.given} slots given, ${refused} calls refused or gone from a queue`, ended);
    }
  },
  3_600_000,
);
