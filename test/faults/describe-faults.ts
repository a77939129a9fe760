import { RedisServer } from '../support/redis-server.js';
import { expectNoUnhandled } from '../support/unhandled.js';
import { HALF, runFault, type Course } from './fault-run.js';
import type { Fault } from './fault.js';
import { isOfStore, LIMIT, type Answer } from './faulty-app.js';
import { expectOneWarning } from './heard.js';
import { keep, latencies, median, promisedAndSeen, rowOf } from './measurements.js';
import { DEADLINE_MS, FAILURE_THRESHOLD, PROMISED } from './modes.js';

/** Far more than what ten applications in one process cost each other, and far less than a hang. */
const NOISE_MS = 2_000;

const admitted = (answers: readonly Answer[]): number => answers.filter(({ status }) => status === 200).length;

/** Puts every mode, on both platforms, through each fault, and checks what each promises. */
export function describeFaults(faults: readonly Fault[]): void {
  let spare: RedisServer;

  beforeAll(async () => {
    spare = await RedisServer.start();
  });

  afterAll(() => spare.stop());

  describe.each(faults)('$name', (fault) => {
    let courses: readonly Course[] = [];

    const inEach = (check: (course: Course) => unknown) => async () => {
      expect(courses).toHaveLength(10);
      for (const course of courses) {
        try {
          await check(course);
        } catch (error) {
          const failures = JSON.stringify(course.app.failures());
          throw new Error(`${course.mode} on ${course.platform}: ${(error as Error).message}\n${failures}`, {
            cause: error,
          });
        }
      }
    };

    it('leaves no rejection unhandled, and every application comes back', async () => {
      courses = await expectNoUnhandled(() => runFault(fault, spare.url));
    });

    it(
      'is what it is called',
      inEach(({ app }) => {
        expect(app.reasons().join(' ')).toMatch(fault.reason);
      }),
    );

    it(
      'is answered as each mode promises, before the circuit opens and after',
      inEach(({ mode, before, open }) => {
        const { status, headers, source } = PROMISED[mode];
        for (const answer of [...before, ...open]) {
          expect(status.split(', ')).toContain(String(answer.status));
          expect(answer.rateLimit === null).toBe(headers !== 'RateLimit');
          expect(answer.retryAfter === null).toBe(answer.status === 200);
          if (answer.retryAfter !== null) expect(answer.retryAfter).toMatch(/^[1-9]\d*$/);
          if (answer.status === 200) expect(answer.body.source).toBe(source);
        }
      }),
    );

    it(
      'admits no more than the limit wherever somebody counts',
      inEach(({ mode, before, open }) => {
        const { status } = PROMISED[mode];
        const most = status === '503' ? 0 : status === '200, 429' ? LIMIT : Number.POSITIVE_INFINITY;
        expect(admitted([...before, ...open])).toBeLessThanOrEqual(most);
        if (status !== '503') expect(admitted(open)).toBeGreaterThan(0);
      }),
    );

    it(
      'opens the circuit after so many failures, each within its deadline',
      inEach(({ before }) => {
        expect(before.length).toBeGreaterThanOrEqual(1);
        expect(before.length).toBeLessThanOrEqual(FAILURE_THRESHOLD + 1);
        expect(Math.max(...latencies(before))).toBeLessThan(DEADLINE_MS + NOISE_MS);
      }),
    );

    it(
      'costs nothing once the circuit is open, and the backend hears of nothing but probes',
      inEach(({ open, callsWhileOpen, probesWhileOpen }) => {
        expect(median(latencies(open))).toBeLessThan(DEADLINE_MS);
        expect(callsWhileOpen).toBeLessThanOrEqual(probesWhileOpen);
      }),
    );

    it(
      'is over by the second probe after the backend returns, and limits are enforced again',
      inEach(({ probesAfter, failuresAfter, fresh, steady, healthy }) => {
        // A probe that was under way already, and was lost.
        expect(failuresAfter).toBeLessThanOrEqual(1);
        expect(probesAfter).toBeLessThanOrEqual(2);
        expect(admitted(fresh)).toBe(LIMIT);
        expect(fresh.at(-1)).toMatchObject({ status: 429, rateLimit: expect.stringMatching(/^"api";r=0;/) });
        const left = fault.keepsCounters === false ? LIMIT : LIMIT - admitted(healthy);
        expect(admitted(steady.filter(isOfStore))).toBeLessThanOrEqual(left);
        if (healthy.length > 0) expect(admitted(healthy)).toBe(HALF);
      }),
    );

    it(
      'goes on being answered as each mode promises until then, however the backend comes back',
      inEach(({ mode, returning }) => {
        const { status, headers } = PROMISED[mode];
        for (const answer of returning.slice(0, -1)) {
          expect(status.split(', ')).toContain(String(answer.status));
          expect(answer.rateLimit === null).toBe(headers !== 'RateLimit');
        }
        expect(returning.at(-1)).toMatchObject({ status: 200, rateLimit: expect.stringMatching(/^"api";r=1\d;/) });
      }),
    );

    it(
      'shows on /health, and only while it lasts',
      inEach(({ mode, healthBefore, healthDuring, healthAfter }) => {
        if (healthBefore !== undefined) expect(healthBefore).toEqual([200, 'ok']);
        expect(healthDuring).toEqual(PROMISED[mode].health);
        expect(healthAfter).toEqual([200, 'ok']);
      }),
    );

    it(
      'is one warning and one line of return in the log',
      inEach(({ heard: { before, meanwhile, later } }) => {
        expectOneWarning(before, meanwhile);
        expect(later.warnings).toBeLessThanOrEqual(later.failures);
        expect(meanwhile.returns).toBe(before.failures === 0 ? 1 : Math.min(1, meanwhile.returns));
      }),
    );

    it('is what the table in the docs says', async () => {
      const row = rowOf(fault.name, courses);
      await keep(row);
      const [promised, seen] = await promisedAndSeen(row);
      expect(seen).toBe(promised);
    });
  });
}
