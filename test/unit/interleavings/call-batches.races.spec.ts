import fc from 'fast-check';
import type { BatchedCall, BatchKind } from '../../../lib/backends/postgres/batched.call.js';
import { CallBatches } from '../../../lib/backends/postgres/call-batches.js';
import type { LimiterFunction } from '../../../lib/backends/postgres/limiter.function.js';
import { Patience } from '../../../lib/backends/postgres/patient-query.js';
import { testPolicy } from '../../../lib/testing/test-policy.js';
import { prove } from '../../support/proof.js';

const POLICY = testPolicy({ algorithm: 'fixed-window', limit: 5, windowMs: 60_000 });

/** An error of the server, which rolls a statement back; and one of the connection, after which nobody knows. */
type Failure = 'refused' | 'lost before' | 'lost after';

interface Fate {
  readonly call: BatchedCall;
  readonly executed: number[];
  readonly settled: unknown[];
}

const failures = fc
  .array(fc.tuple(fc.nat(6), fc.constantFrom<Failure>('refused', 'lost before', 'lost after')), { maxLength: 3 })
  .map((statements) => new Map(statements));

it('settles every call once, charges none twice, and never has two statements for one subject on their way', async () => {
  const property = fc.asyncProperty(
    fc.scheduler(),
    fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 12 }),
    failures,
    async (scheduler, subjects, failing) => {
      const fates = subjects.map((subject, index): Fate => ({
        call: { subject, charges: [{ key: subject, policy: POLICY, cost: index + 1 }] },
        executed: [],
        settled: [],
      }));
      const busy: string[] = [];
      /** Those who shared the statement that failed with this error. */
      const sharers = new Map<Error, readonly Fate[]>();
      const crossing: BatchedCall[] = [];
      let mostOnTheirWay = 0;
      let statements = 0;
      let onTheirWay = 0;
      const ask = async (calls: readonly BatchedCall[]): Promise<string> => {
        const statement = statements;
        statements += 1;
        onTheirWay += 1;
        const those = calls.map((call) => fates.find((fate) => fate.call === call) as Fate);
        mostOnTheirWay = Math.max(mostOnTheirWay, onTheirWay);
        crossing.push(...calls.filter(({ subject }) => busy.includes(subject)));
        busy.push(...calls.map(({ subject }) => subject));
        const fails = failing.get(statement);
        const code = fails === 'refused' ? { code: '40001' } : {};
        const error = Object.assign(new Error(`statement ${statement} failed`), code);
        sharers.set(error, those);
        await scheduler.schedule(Promise.resolve(), `statement ${statement} arrives`);
        if (fails === undefined || fails === 'lost after') those.forEach(({ executed }) => executed.push(statement));
        await scheduler.schedule(Promise.resolve(), `statement ${statement} is answered`);
        onTheirWay -= 1;
        for (const { subject } of calls) busy.splice(busy.indexOf(subject), 1);
        if (fails !== undefined) throw error;
        return `{${calls.flatMap(({ charges }) => [1, charges[0]?.cost, 0, 0, 0]).join()}}`;
      };
      const kind = { call: (calls: readonly BatchedCall[]) => calls } as unknown as BatchKind;
      const batches = new CallBatches({ call: ask } as unknown as LimiterFunction, kind);
      const made = fates.map(async ({ call, settled }, index) => {
        await scheduler.schedule(Promise.resolve(), `call ${index} comes`);
        settled.push(await batches.decide(call, new Patience(60_000)).catch((error: unknown) => error));
      });
      await scheduler.waitFor(Promise.all(made));
      expect(mostOnTheirWay).toBeLessThanOrEqual(4);
      expect(crossing).toEqual([]);
      for (const { call, executed, settled } of fates) {
        expect(settled).toHaveLength(1);
        expect(executed.length).toBeLessThanOrEqual(1);
        const [answer] = settled;
        // Its own part of the answer; or nothing, and then it is not charged.
        if (Array.isArray(answer)) expect(answer).toEqual([1, call.charges[0]?.cost, 0, 0, 0]);
        else if (answer === undefined) expect(executed).toEqual([]);
        else expect(answer).toBeInstanceOf(Error);
      }
      for (const [error, those] of sharers) {
        const told = fates.filter(({ settled }) => settled[0] === error);
        if (told.length > 0) expect(new Set(told)).toEqual(new Set(those));
      }
    },
  );
  await prove(property, 300);
});
