import fc from 'fast-check';
import type { Run, Tell } from '../../../lib/backends/redis/queued-call.js';
import { ScriptLanes } from '../../../lib/backends/redis/script-lanes.js';
import { WithdrawnError } from '../../../lib/backends/withdrawn.error.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { prove } from '../../support/proof.js';

const POLICY = testPolicy({ algorithm: 'fixed-window', limit: 5, windowMs: 60_000 });
const OTHER = testPolicy({ name: 'log', algorithm: 'sliding-log', limit: 5, windowMs: 60_000 });

interface Plan {
  readonly key: string;
  readonly cost: number;
  /** Calls by a log never run together with others of their key. */
  readonly isLog: boolean;
  /** Whether its caller gives it up at some moment. */
  readonly isGivenUp: boolean;
}

/** What became of a call. */
interface Fate {
  readonly plan: Plan;
  /** Place among the calls of all, in order of arrival. */
  joined: number;
  /** Places among all that the server did. */
  readonly executed: number[];
  readonly settled: unknown[];
}

const plans = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'a', 'a', 'b', 'c'),
    cost: fc.constantFrom(1, 1, 1, 2),
    isLog: fc.constantFrom(false, false, false, true),
    isGivenUp: fc.constantFrom(false, false, true),
  }),
  { minLength: 1, maxLength: 12 },
);

const sharings = fc.record({ coalesce: fc.boolean(), batch: fc.boolean() });

/** Which of the script calls fail: before the server has heard of them, or after. */
const failures = fc
  .array(fc.tuple(fc.nat(8), fc.constantFrom('before' as const, 'after' as const)), { maxLength: 3 })
  .map((calls) => new Map(calls));

/** A server that executes runs in order of their arrival, and the fate of each call. */
async function play(
  scheduler: fc.Scheduler,
  calls: readonly Plan[],
  {
    sharing,
    failing,
    hasSlots,
  }: { sharing: { coalesce: boolean; batch: boolean }; failing: Map<number, string>; hasSlots: boolean },
) {
  const fates = new Map<unknown, Fate>();
  let scripts = 0;
  let joins = 0;
  let executions = 0;
  let givenUpBefore = 0;
  let mostOfOneKeyTogether = 0;
  let mostOnTheirWay = 0;
  let mostOfOneKey = 0;
  const onTheirWay: string[][] = [];
  /** Those who shared the script call that failed with this error. */
  const sharers = new Map<Error, readonly Fate[]>();
  const execute = (runs: readonly Run[]): void => {
    for (const run of runs) for (const call of run.calls) fates.get(call.charges)?.executed.push((executions += 1));
  };
  // Commands of one connection arrive in the order in which they are sent.
  let arrived: Promise<unknown> = Promise.resolve();
  const send = async (runs: readonly Run[]): Promise<Tell> => {
    const script = scripts;
    scripts += 1;
    const fails = failing.get(script);
    const error = new Error(`script call ${script} failed`);
    const queued = runs.flatMap((run) => run.calls);
    sharers.set(
      error,
      queued.map((call) => fates.get(call.charges) as Fate),
    );
    givenUpBefore += queued.filter(({ signal }) => signal?.aborted).length;
    const keys = [...new Set(queued.map(({ charges }) => charges[0]?.key ?? ''))];
    mostOfOneKeyTogether = Math.max(mostOfOneKeyTogether, queued.length - keys.length + 1);
    onTheirWay.push(keys);
    mostOnTheirWay = Math.max(mostOnTheirWay, onTheirWay.length);
    for (const key of keys)
      mostOfOneKey = Math.max(mostOfOneKey, onTheirWay.filter((others) => others.includes(key)).length);
    const before = arrived;
    arrived = (async () => {
      await before;
      await scheduler.schedule(Promise.resolve(), `script call ${script} arrives`);
      if (fails !== 'before') execute(runs);
    })();
    await arrived;
    await scheduler.schedule(Promise.resolve(), `script call ${script} is answered`);
    onTheirWay.splice(onTheirWay.indexOf(keys), 1);
    return () => {
      for (const call of queued) {
        if (fails === undefined) call.resolve({ reply: { allowed: true, nowMs: 0, policies: [] } });
        else call.reject(error);
      }
    };
  };
  const lanes = new ScriptLanes(send, sharing, hasSlots, 'floodgate');
  const made = calls.map(async (plan, index) => {
    const caller = new AbortController();
    const charges = [{ key: plan.key, policy: plan.isLog ? OTHER : POLICY, cost: plan.cost }];
    const fate: Fate = { plan, joined: 0, executed: [], settled: [] };
    fates.set(charges, fate);
    await scheduler.schedule(Promise.resolve(), `call ${index} joins`);
    fate.joined = joins += 1;
    const answered = new Promise<void>((resolve) => {
      const settle = (what: unknown): void => {
        fate.settled.push(what);
        resolve();
      };
      const verb = { kind: 'consume', overdraw: false } as const;
      const expiresMs = Number.POSITIVE_INFINITY;
      lanes.join({ verb, charges, expiresMs, signal: caller.signal, resolve: settle, reject: settle });
    });
    if (plan.isGivenUp) {
      await scheduler.schedule(Promise.resolve(), `call ${index} is given up`);
      caller.abort(new Error('given up'));
    }
    await answered;
  });
  await scheduler.waitFor(Promise.all(made));
  return { fates: [...fates.values()], sharers, mostOnTheirWay, mostOfOneKey, mostOfOneKeyTogether, givenUpBefore };
}

it('settles every call once, charges none twice, and tells an error to exactly those who shared the call', async () => {
  const property = fc.asyncProperty(
    fc.scheduler(),
    plans,
    sharings,
    failures,
    fc.boolean(),
    async (scheduler, calls, sharing, failing, hasSlots) => {
      const { fates, sharers } = await play(scheduler, calls, { sharing, failing, hasSlots });
      for (const { plan, executed, settled } of fates) {
        expect(settled).toHaveLength(1);
        expect(executed.length).toBeLessThanOrEqual(1);
        const [outcome] = settled;
        if (outcome instanceof WithdrawnError) {
          expect(plan.isGivenUp).toBe(true);
          expect(executed).toEqual([]);
        } else if (!(outcome instanceof Error)) expect(executed).toHaveLength(1);
      }
      for (const [error, those] of sharers) {
        const told = fates.filter(({ settled }) => settled[0] === error);
        if (told.length > 0) expect(new Set(told)).toEqual(new Set(those));
      }
    },
  );
  await prove(property, 400);
});

it('keeps the order of arrival within each key', async () => {
  const property = fc.asyncProperty(
    fc.scheduler(),
    plans,
    fc.constantFrom(
      { coalesce: true, batch: true },
      { coalesce: true, batch: false },
      { coalesce: false, batch: true },
    ),
    failures,
    fc.boolean(),
    async (scheduler, calls, sharing, failing, hasSlots) => {
      const { fates } = await play(scheduler, calls, { sharing, failing, hasSlots });
      for (const key of ['a', 'b', 'c']) {
        const order = fates
          .filter(({ plan, executed }) => plan.key === key && executed.length > 0)
          .toSorted((one, other) => one.joined - other.joined)
          .map(({ executed }) => executed[0]);
        expect(order).toEqual(order.toSorted((one = 0, other = 0) => one - other));
      }
    },
  );
  await prove(property, 400);
});

it('has two script calls on their way at most, or one of each key, and sends nothing that was given up', async () => {
  const property = fc.asyncProperty(
    fc.scheduler(),
    plans,
    fc.boolean(),
    failures,
    async (scheduler, calls, batch, failing) => {
      const sharing = { coalesce: true, batch };
      const { mostOnTheirWay, mostOfOneKey, givenUpBefore } = await play(scheduler, calls, {
        sharing,
        failing,
        hasSlots: false,
      });
      if (batch) expect(mostOnTheirWay).toBeLessThanOrEqual(2);
      else expect(mostOfOneKey).toBeLessThanOrEqual(1);
      expect(givenUpBefore).toBe(0);
    },
  );
  await prove(property, 300);
});

it('never sends two calls of one key together where that is not wished', async () => {
  const property = fc.asyncProperty(fc.scheduler(), plans, failures, async (scheduler, calls, failing) => {
    const sharing = { coalesce: false, batch: true };
    const { mostOfOneKeyTogether } = await play(scheduler, calls, { sharing, failing, hasSlots: false });
    expect(mostOfOneKeyTogether).toBe(1);
  });
  await prove(property, 200);
});
