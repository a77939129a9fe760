import type { ExecutionContext } from '@nestjs/common';
import { notCounted } from '../limiter/decisions.js';
import type { Decision } from '../contracts/decision.js';
import { identityOf } from '../transports/call-identity.js';

const DECISION = Symbol.for('nestjs-floodgate:decision');

/** Decisions of calls that take no property. */
const decisions = new WeakMap<object, Decision>();

const GUARDED = Symbol.for('nestjs-floodgate:guarded');

interface Decided {
  [DECISION]?: Decision;
}

interface Guarded {
  [GUARDED]?: true;
}

/** Whether the guard sees this call for the first time: Nest hands one context to all guards of a call. */
export function firstSight(context: ExecutionContext): boolean {
  const guarded = context as ExecutionContext & Guarded;
  if (guarded[GUARDED] === true) return false;
  guarded[GUARDED] = true;
  return true;
}

/** Keeps the decision for the handler to find. */
export function keepDecision(context: ExecutionContext, decision: Decision): void {
  const call = identityOf(context);
  if (call === undefined) return;
  // A request is made to be added to, and a table of all requests is work for the garbage collector; a message is the
  // application's own, and may be frozen.
  if (context.getType() === 'http' && Object.isExtensible(call)) (call as Decided)[DECISION] = decision;
  else decisions.set(call, decision);
}

/** The decision of a call; `unenforced`, reason `skipped`, if the guard made none. */
export function decisionFor(context: ExecutionContext): Decision {
  const call: Decided | undefined = identityOf(context);
  return call?.[DECISION] ?? (call && decisions.get(call)) ?? notCounted('skipped');
}
