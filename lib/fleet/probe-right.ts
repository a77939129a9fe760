import type { PeersProbe, ProbeRefusal } from '../contracts/breaker-state.js';

/** Whether this process may make the next probe of one circuit. */
export type ProbeRight =
  /** It may ask for the right. `sparse`: it had the right, but no call used it. */
  | { readonly kind: 'none'; readonly askAtMs: number; readonly sparse: boolean }
  | { readonly kind: 'asked'; readonly sinceMs: number; readonly forMs: number }
  | { readonly kind: 'held'; readonly untilMs: number; readonly unusedUntilMs: number };

/** Maximum wait for an answer before the process continues as if it were alone, in ms. */
const ANSWER_MS = 2_000;

/** A right that no call uses for this time is given back, in ms, because another process may have calls. */
export const UNUSED_MS = 1_000;

/** A refused process asks again after this time at the latest, in ms, because the probing process may have ended. */
const ASK_AGAIN_MS = 250;

export const NO_RIGHT: ProbeRight = { kind: 'none', askAtMs: 0, sparse: false };

/** The result for a call that is due: it probes, it is rejected, or it is rejected and the right is requested. */
type Verdict = 'probe' | 'probe-and-ask' | 'reject' | 'ask';

/** The result for a call that is due. */
interface DueCall {
  readonly nowMs: number;
  /** Its maximum duration. */
  readonly forMs: number;
  /** The known probe of another process. */
  readonly probe: Moment | undefined;
}

export function verdictOf(right: ProbeRight, { nowMs, forMs, probe }: DueCall): Verdict {
  switch (right.kind) {
    case 'held':
      return nowMs + forMs <= right.untilMs ? 'probe' : 'ask';
    case 'asked':
      return nowMs - right.sinceMs < ANSWER_MS ? 'reject' : 'probe';
    case 'none':
      if (nowMs < right.askAtMs) return 'reject';
      // Calls are rare. If this call asked first, the right would expire again, so it probes immediately.
      return right.sparse && (probe === undefined || probe.untilMs <= nowMs) ? 'probe-and-ask' : 'ask';
    default:
      return right satisfies never;
  }
}

/** Something that is valid until a time. */
export interface Moment {
  readonly untilMs: number;
}

/** The right after a call has used it. */
export function used(right: ProbeRight, nowMs: number, forMs: number): ProbeRight {
  const untilMs = right.kind === 'held' && nowMs < right.untilMs ? right.untilMs : nowMs + forMs;
  return { kind: 'held', untilMs, unusedUntilMs: Number.POSITIVE_INFINITY };
}

/** The right after the answer to one who asked. */
export function answered(right: ProbeRight, refusal: ProbeRefusal, nowMs: number): ProbeRight {
  if (right.kind !== 'asked') return right;
  if (refusal === undefined) {
    return { kind: 'held', untilMs: nowMs + right.forMs, unusedUntilMs: nowMs + UNUSED_MS };
  }
  return { kind: 'none', askAtMs: nowMs + waitAfter(refusal), sparse: false };
}

/** The right, unless it was unused for too long. */
export function lapsed(right: ProbeRight, nowMs: number): ProbeRight {
  if (right.kind !== 'held' || nowMs < right.unusedUntilMs) return right;
  return { kind: 'none', askAtMs: 0, sparse: true };
}

/** A failed probe is valid until the next one is due; a running one may end at any time. */
function waitAfter({ forMs, step }: PeersProbe): number {
  return step > 0 ? forMs : Math.min(forMs, ASK_AGAIN_MS);
}
