import type { ExecutionContext } from '@nestjs/common';
import { notCounted } from '../backends/decisions.js';
import type { Decision } from '../contracts/decision.js';
import { requestOf } from './request.js';

const DECISION = Symbol.for('nestjs-floodgate:decision');

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

/** Keeps the decision with its request, where the handler finds it. */
export function keepDecision(context: ExecutionContext, decision: Decision): void {
  const request = requestOf(context) as Decided | undefined;
  if (request !== undefined) request[DECISION] = decision;
}

/** The decision of a request; `unenforced`, reason `skipped`, if the guard made none. */
export const decisionFor = (context: ExecutionContext): Decision =>
  (requestOf(context) as Decided | undefined)?.[DECISION] ?? notCounted('skipped');
