import { strict as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { Backend, Charge, Reply } from '../contracts/backend.js';
import type { PolicyStatus } from '../contracts/decision.js';
import type { AlgorithmName, Policy } from '../contracts/policy.js';
import { assertReply } from './reply.assertion.js';
import { testPolicy } from './test-policy.js';

/** A store's clock in the hands of a test. */
export interface ConformanceClock {
  /** Sets the store's time, ms since the epoch; it may step back. */
  set(nowMs: number): unknown;
}

/** What the one policy of a call said, and when. */
export interface Verdict extends PolicyStatus {
  readonly nowMs: number;
}

/** Where an injected clock stands when a case begins: 2026-01-01T00:00:00Z. */
export const CLOCK_START_MS = Date.UTC(2026, 0, 1);

/** Deadline of every call, in ms: no case is about deadlines, and an emulator on a busy machine is slow. */
export const TIMEOUT_MS = 60_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** A backend under test: its verbs with what most cases want as default, and every reply checked. */
export class Subject {
  /** A key of this case alone. */
  readonly key = `conformance-${randomUUID()}`;
  /** A window, an hour or more, no border or middle of which is near: a case on a real clock runs within it. */
  calmMs = 0;
  private policies = 0;
  private clockMs = CLOCK_START_MS;

  private constructor(
    readonly backend: Backend,
    readonly algorithms: readonly AlgorithmName[],
    private readonly clock: ConformanceClock | undefined,
  ) {}

  static async of(
    backend: Backend,
    algorithms: readonly AlgorithmName[],
    clock: ConformanceClock | undefined,
  ): Promise<Subject> {
    const subject = new Subject(backend, algorithms, clock);
    await clock?.set(CLOCK_START_MS);
    const { nowMs } = await subject.peek(subject.policy({ windowMs: 3_600_000 }));
    subject.calmMs = calmWindowMs(nowMs);
    return subject;
  }

  /** A policy with a counter of its own. Default: the backend's first algorithm, 5 units a calm window. */
  policy(given: Partial<Policy> = {}): Policy {
    const { algorithm = this.algorithms[0] as AlgorithmName, limit = 5, windowMs = this.calmMs } = given;
    this.policies += 1;
    return testPolicy({ id: `${this.key}.${this.policies}#${algorithm}`, ...given, algorithm, limit, windowMs });
  }

  /** Consumes of one policy. */
  async consume(policy: Policy, cost = 1, { key = this.key, overdraw = false } = {}): Promise<Verdict> {
    return verdict(await this.consumeAll([{ policy, key, cost }], overdraw));
  }

  async consumeAll(charges: readonly Charge[], overdraw?: boolean): Promise<Reply> {
    const request = { charges, timeoutMs: TIMEOUT_MS, ...(overdraw === undefined ? {} : { overdraw }) };
    const reply = await this.backend.consume(request);
    assertReply(reply, charges);
    const enforced = reply.policies.filter(({ mode }) => mode === 'enforce');
    assert.equal(
      reply.allowed,
      enforced.every(({ allowed }) => allowed),
      'a call passes if every enforced policy allows it',
    );
    return reply;
  }

  async peek(policy: Policy, key = this.key): Promise<Verdict> {
    const charges = [{ policy, key, cost: 1 }];
    const reply = await this.backend.peek({ charges, timeoutMs: TIMEOUT_MS });
    assertReply(reply, charges);
    assert.equal(reply.allowed, true, 'peek is a consume of cost 0, which always passes');
    return verdict(reply);
  }

  async refund(
    policy: Policy,
    cost: number,
    { chargedAtMs, ...bound }: { readonly chargedAtMs?: number; readonly owed?: number } = {},
  ): Promise<void> {
    const request = { charges: [{ policy, key: this.key, cost, ...bound }], timeoutMs: TIMEOUT_MS };
    await this.backend.refund(chargedAtMs === undefined ? request : { ...request, chargedAtMs });
  }

  async reset(policy: Policy, key = this.key): Promise<void> {
    await this.backend.reset({ charges: [{ policy, key, cost: 0 }], timeoutMs: TIMEOUT_MS });
  }

  /** Consumes until a call is refused. */
  async untilRefused(policy: Policy, cost = 1): Promise<Verdict> {
    for (let call = 0; call < 1000; call += 1) {
      const status = await this.consume(policy, cost);
      if (!status.allowed) return status;
    }
    return assert.fail('1000 calls in a row were allowed');
  }

  /** Sets the store's clock, in cases that need one. */
  async setClock(nowMs: number): Promise<void> {
    assert.ok(this.clock, 'this case needs an injected clock');
    this.clockMs = nowMs;
    await this.clock.set(nowMs);
  }

  /** Lets a few milliseconds pass. */
  async pass(ms: number): Promise<void> {
    if (this.clock === undefined) await sleep(ms);
    else await this.setClock(this.clockMs + ms);
  }

  /**
   * Probes just before a time of the store and at that time: to the millisecond where the clock is injected, else
   * again and again from shortly before until it has come.
   */
  async around(fromMs: number, dueMs: number, probe: () => Promise<{ readonly nowMs: number }>): Promise<void> {
    if (this.clock !== undefined) {
      await this.setClock(dueMs - 1);
      await probe();
      await this.setClock(dueMs);
      await probe();
      return;
    }
    await sleep(Math.max(0, dueMs - fromMs - 5));
    const giveUpMs = Date.now() + TIMEOUT_MS;
    while ((await probe()).nowMs < dueMs) {
      assert.ok(Date.now() < giveUpMs, "the store's clock stands still");
      await sleep(1);
    }
  }
}

function verdict({ nowMs, policies }: Reply): Verdict {
  return { ...(policies[0] as PolicyStatus), nowMs };
}

function calmWindowMs(nowMs: number): number {
  for (let windowMs = 3_600_000; ; windowMs += 420_000) {
    const share = (nowMs % windowMs) / windowMs;
    if (share > 0.55 && share < 0.9) return windowMs;
  }
}
