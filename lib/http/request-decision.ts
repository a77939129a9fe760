import type { ExecutionContext } from '@nestjs/common';
import { notCounted } from '../backends/decisions.js';
import type { Decision } from '../contracts/decision.js';
import { identityOf } from './request.js';

const decisions = new WeakMap<object, Decision>();

const GUARDED = Symbol.for('nestjs-floodgate:guarded');

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

/** Keeps the decision for the handler to find; beside the call, not in it, since a payload may be frozen. */
export function keepDecision(context: ExecutionContext, decision: Decision): void {
  const call = identityOf(context);
  if (call !== undefined) decisions.set(call, decision);
}

/** The decision of a call; `unenforced`, reason `skipped`, if the guard made none. */
export function decisionFor(context: ExecutionContext): Decision {
  const call = identityOf(context);
  return (call && decisions.get(call)) ?? notCounted('skipped');
}
