import { counted, type CounterState } from '../../algorithms/algorithm.js';
import { admits, decide } from '../../algorithms/counter.js';
import type { Charge, Reply } from '../../contracts/backend.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import type { Answer } from './queued-call.js';
import { type Part, unexpected, wholeNumber } from './reply.js';

/** Bytes of the time and the number of admitted calls, and of a counter. */
const HEAD = 16;
const STATE = 24;

/**
 * The result of each call of a run: computed from the counters that the script found, with the calculation of the
 * script.
 *
 * @throws TypeError for a reply that the script never sends
 */
export function readRunReply(raw: unknown, charges: readonly Charge[], count: number, part?: Part): readonly Answer[] {
  const length = HEAD + STATE * charges.length;
  if (!Buffer.isBuffer(raw)) throw unexpected(raw, `${length} bytes`);
  const { from: start, to } = part ?? { from: 0, to: raw.length };
  if (to - start !== length) throw unexpected(raw, `${length} bytes`);
  const nowMs = wholeNumber(raw, start);
  const admitted = wholeNumber(raw, start + 8);
  const states = charges.map(({ policy: { windowMs } }, index): CounterState => {
    const from = start + HEAD + STATE * index;
    return counted(windowMs, wholeNumber(raw, from), wholeNumber(raw, from + 8), wholeNumber(raw, from + 16));
  });
  const answers: Answer[] = [];
  while (answers.length < admitted) answers.push({ reply: admit(charges, states, nowMs) });
  if (admitted === count) return answers;
  // Refused calls charge nothing, so all get the same reply.
  const refused = { reply: refuse(charges, states, nowMs), states };
  while (answers.length < count) answers.push(refused);
  return answers;
}

function admit(charges: readonly Charge[], states: CounterState[], nowMs: number): Reply {
  const policies = new Array<PolicyStatus>(charges.length);
  for (let index = 0; index < charges.length; index += 1) {
    const { policy, cost } = charges[index] as Charge;
    const { state, status } = decide(states[index], policy, cost, false, nowMs);
    if (!status.allowed || state === undefined) throw miscounted();
    states[index] = state;
    policies[index] = status;
  }
  return { allowed: true, nowMs, policies };
}

function refuse(charges: readonly Charge[], states: readonly CounterState[], nowMs: number): Reply {
  const policies = charges.map(({ policy, cost }, index) => {
    const due = admits(states[index], policy, cost, false, nowMs) ? 0 : cost;
    return decide(states[index], policy, due, false, nowMs).status;
  });
  if (policies.every(({ allowed }) => allowed)) throw miscounted();
  return { allowed: false, nowMs, policies };
}

const miscounted = (): TypeError =>
  new TypeError(
    'The limiter script and this process counted differently. This is a bug: please report it. redisBackend({ coalesce: false }) avoids it.',
  );
