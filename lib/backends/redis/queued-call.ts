import type { Refund, Reply } from '../../contracts/backend.js';
import type { Verb } from './limiter.script.js';
import type { ToldState } from './reply.js';

/** The result of a call. */
export interface Answer {
  readonly reply: Reply;
  /** The counters of a refusal, if the script sent them. */
  readonly states?: readonly ToldState[];
}

/** A call that waits to be sent, alone or with others. */
export interface QueuedCall {
  readonly verb: Verb;
  readonly charges: readonly Refund[];
  /** Its deadline, on the process's clock, ms. */
  readonly expiresMs: number;
  /** Aborts when the caller stops waiting. */
  readonly signal: AbortSignal | undefined;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Calls that the script receives as one: a single call, or the same call of several callers, in order of arrival. */
export class Run {
  // Not a literal, as in `simple-request.ts` of the limiter.
  readonly calls: QueuedCall[];

  constructor(readonly first: QueuedCall) {
    this.calls = Array.of(first);
  }
}

/** Tells the callers of a script call what became of their calls. */
export type Tell = () => void;

/** Maximum length of a run, so that its total charge has few digits. */
const MAX_CALLS = 10_000;

/** Whether a call can be in a run: all of its policies enforce, and the script sends their counters. */
export function canRun({ verb, charges }: QueuedCall): boolean {
  if (verb.kind !== 'consume' || verb.overdraw) return false;
  const key = charges[0]?.key;
  for (const { key: other, policy, cost, owed } of charges) {
    if (other !== key || cost < 1 || cost > 1_000_000 || owed !== undefined) return false;
    if (policy.mode === 'shadow' || policy.blockForMs > 0) return false;
    const { algorithm } = policy;
    if (algorithm !== 'sliding-window' && algorithm !== 'fixed-window' && algorithm !== 'token-bucket') return false;
  }
  return true;
}

/** Whether a call, which can be one of a run, continues this one. */
export function continues({ first, calls }: Run, { charges }: QueuedCall): boolean {
  if (calls.length >= MAX_CALLS || first.charges.length !== charges.length || !canRun(first)) return false;
  for (let index = 0; index < charges.length; index += 1) {
    const one = first.charges[index];
    const other = charges[index];
    if (one?.policy !== other?.policy || one?.cost !== other?.cost || one?.key !== other?.key) return false;
  }
  return true;
}
