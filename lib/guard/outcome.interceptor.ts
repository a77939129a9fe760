import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Observable, tap } from 'rxjs';
import { judgedCallOf } from './judged-call.js';

/** Sees what handlers return and throw, for policies with `chargeOn`. Bound only where there may be one. @internal */
@Injectable()
export class OutcomeInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const call = judgedCallOf(context);
    if (call === undefined) return next.handle();
    return next.handle().pipe(
      tap({
        next: (result) => call.returned(result),
        error: (error) => call.threw(error),
        complete: () => call.ended(),
      }),
    );
  }
}
