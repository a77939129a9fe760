import { refundOf } from '../../algorithms/refunds.js';
import type { ConsumeRequest, Refund, Reply } from '../../contracts/backend.js';
import type { PolicyStatus } from '../../contracts/decision.js';
import { isUnavailable } from '../../contracts/errors.js';
import type { Verb } from './limiter.script.js';

/** Runs one operation for charges of one subject. */
export type RunForSubject = (verb: Verb, charges: readonly Refund[]) => Promise<Reply>;

/** The charges of one subject, and their positions in the request. */
interface Share {
  readonly charges: readonly Refund[];
  readonly places: readonly number[];
}

interface Answer {
  readonly share: Share;
  readonly reply: Reply;
}

/** The subjects of a call are in different slots of a Cluster: one share for each. */
export function sharesOf(charges: readonly Refund[]): readonly Share[] {
  const places = new Map<string, number[]>();
  charges.forEach(({ key }, place) => {
    const of = places.get(key);
    if (of === undefined) places.set(key, [place]);
    else of.push(place);
  });
  return [...places.values()].map((of) => ({ places: of, charges: of.map((place) => charges[place] as Refund) }));
}

/** Runs all shares in parallel and joins the replies. */
export async function runForAll(run: RunForSubject, verb: Verb, shares: readonly Share[]): Promise<Reply> {
  return joined(await Promise.all(shares.map(async (share) => ({ share, reply: await run(verb, share.charges) }))));
}

/**
 * Reserves the share of each subject in parallel, and gives all back if one refuses. Together they never exceed the
 * limit, but may be below it for a moment. Blocks of a refusal stay. The reply is that of one atomic decision.
 */
export async function consumeForAll(
  run: RunForSubject,
  { overdraw = false }: ConsumeRequest,
  shares: readonly Share[],
): Promise<Reply> {
  const outcomes = await Promise.allSettled(
    shares.map(async (share) => ({ share, reply: await run({ kind: 'consume', overdraw }, share.charges) })),
  );
  const answers = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  if (failures.length === 0 && answers.every(({ reply }) => reply.allowed)) return joined(answers);

  const givenBack = await Promise.all(answers.map((answer) => giveBack(run, answer)));
  // If there is a bug and an outage, the bug is thrown.
  if (failures.length > 0) throw failures.find((failure) => !isUnavailable(failure)) ?? failures[0];
  return { ...joined(givenBack), allowed: false };
}

/** Gives back the charge of a share, and returns its reply without the charge. */
async function giveBack(run: RunForSubject, { share, reply }: Answer): Promise<Answer> {
  const charged = share.charges.flatMap((charge, index) => {
    const status = reply.policies[index];
    return reply.allowed && charge.cost > 0 && status?.allowed ? [{ refund: refundOf(charge, status), index }] : [];
  });
  if (charged.length === 0) return { share, reply };
  try {
    const after = await run(
      { kind: 'refund', chargedAtMs: reply.nowMs },
      charged.map(({ refund }) => refund),
    );
    const policies = [...reply.policies];
    charged.forEach(({ index }, position) => (policies[index] = after.policies[position] as PolicyStatus));
    return { share, reply: { ...reply, policies } };
  } catch (error) {
    // Units that cannot be given back are missing until their window ends: below the limit, never above it.
    if (isUnavailable(error)) return { share, reply };
    throw error;
  }
}

/**
 * The replies in the order of the request, with the earliest time, so that a later refund never gives back too much.
 */
function joined(answers: readonly Answer[]): Reply {
  const policies: PolicyStatus[] = [];
  for (const { share, reply } of answers) {
    share.places.forEach((place, index) => (policies[place] = reply.policies[index] as PolicyStatus));
  }
  return {
    allowed: answers.every(({ reply }) => reply.allowed),
    nowMs: Math.min(...answers.map(({ reply }) => reply.nowMs)),
    policies,
  };
}
