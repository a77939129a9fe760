import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Observable, tap } from 'rxjs';
import { heldCallOf } from './held-call.js';
import { type JudgedCall, judgedCallOf } from './judged-call.js';

/**
 * Observes the results and errors of handlers for policies with `chargeOn`, and their end for slots whose transport
 * does not report it. It is bound only if there may be such a policy. @internal
 */
@Injectable()
export class OutcomeInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const judged = judgedCallOf(context);
    const held = heldCallOf(context);
    const answers = judged === undefined ? next.handle() : judgedBy(judged, next.handle());
    return held === undefined ? answers : held.during(answers);
  }
}

const judgedBy = (call: JudgedCall, answers: Observable<unknown>): Observable<unknown> =>
  answers.pipe(
    tap({
      next: (result) => call.returned(result),
      error: (error) => call.threw(error),
      complete: () => call.ended(),
    }),
  );
