import {
  type CallHandler,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { type Observable, tap } from 'rxjs';
import { errorHeaders } from './error-headers.js';
import { setHeaders } from './response.js';

/** Under which Nest keeps what `@UseFilters()` lists. */
const FILTERS = '__exceptionFilters__';

/**
 * Sets `Retry-After` where an error leaves a handler, before any exception filter. Bound only where a filter may answer
 * that knows nothing of the header: an interceptor costs each request something. @internal
 */
@Injectable()
export class ErrorHeadersInterceptor implements NestInterceptor {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(ApplicationConfig) private readonly application: ApplicationConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const response = context.switchToHttp().getResponse<object>();
    return next.handle().pipe(tap({ error: (error) => setHeaders(this.host, response, errorHeaders(error)) }));
  }

  /** Whether the application has filters that Nest asks before the global ones: request-scoped, or of controllers. */
  isNeeded(): boolean {
    if (this.application.getGlobalRequestFilters().length > 0) return true;
    return [...this.modules.values()].some(({ controllers }) =>
      [...controllers.values()].some(({ metatype }) => typeof metatype === 'function' && hasFilters(metatype as Type)),
    );
  }
}

function hasFilters(controller: Type): boolean {
  if (Reflect.hasMetadata(FILTERS, controller)) return true;
  for (
    let owner = controller.prototype as object | null;
    owner !== null && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    const methods: unknown[] = Object.values(Object.getOwnPropertyDescriptors(owner)).map(
      ({ value }) => value as unknown,
    );
    if (methods.some((method) => typeof method === 'function' && Reflect.hasMetadata(FILTERS, method))) return true;
  }
  return false;
}
