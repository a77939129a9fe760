import type { ExecutionContext } from '@nestjs/common';
import { notCounted } from '../limiter/decisions.js';
import type { Decision } from '../contracts/decision.js';
import { identityOf } from '../transports/call-identity.js';

const DECISION = Symbol.for('nestjs-floodgate:decision');

/** Decisions of calls whose objects cannot get a property. */
const decisions = new WeakMap<object, Decision>();

const GUARDED = Symbol.for('nestjs-floodgate:guarded');

interface Decided {
  [DECISION]?: Decision;
}

interface Guarded {
  [GUARDED]?: true;
}

/** Whether the guard sees this call for the first time: Nest passes one context to all guards of a call. */
export function firstSight(context: ExecutionContext): boolean {
  const guarded = context as ExecutionContext & Guarded;
  if (guarded[GUARDED] === true) return false;
  guarded[GUARDED] = true;
  return true;
}

/** Stores the decision for the handler. */
export function keepDecision(context: ExecutionContext, decision: Decision): void {
  const call = identityOf(context);
  if (call === undefined) return;
  // A request can get a property, and a map of all requests is work for the garbage collector. A message belongs to the
  // application, and may be frozen.
  if (context.getType() === 'http' && Object.isExtensible(call)) (call as Decided)[DECISION] = decision;
  else decisions.set(call, decision);
}

/** The decision of a call; `unenforced`, reason `skipped`, if the guard made none. */
export function decisionFor(context: ExecutionContext): Decision {
  const call: Decided | undefined = identityOf(context);
  return call?.[DECISION] ?? (call && decisions.get(call)) ?? notCounted('skipped');
}
