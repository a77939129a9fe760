import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  Inject,
  Injectable,
  type NestInterceptor,
  Optional,
  type Provider,
  type Type,
} from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { BackendUnavailableError, CircuitOpenError, isUnavailable } from '../contracts/errors.js';
import { RateLimitExceededException } from '../contracts/rate-limit-exceeded.exception.js';

/** Metadata of Nest: what `@UseGuards()`, `@UseInterceptors()` and `@UseFilters()` list, gateways, and handlers of messages. */
const GUARDS = '__guards__';
const INTERCEPTORS = '__interceptors__';
const FILTERS = '__exceptionFilters__';
const GATEWAY = 'websockets:is_gateway';
const PATTERN = 'microservices:pattern';

const HANDLER_FILTERS = Symbol('nestjs-floodgate:handler-filters');

/** Stands for the guard among the metadata of a class: each application puts its own guard in its place. */
@Injectable()
export class HandlerGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** The same for the interceptor. */
@Injectable()
export class HandlerInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

/** The same for the filters. Of an application without the module it lets every error go on. */
@Injectable()
@Catch(RateLimitExceededException, BackendUnavailableError, CircuitOpenError)
export class HandlerFilter implements ExceptionFilter<Error> {
  // Injected by nobody: an application without the module makes the class by itself, and gives it nothing.
  constructor(@Optional() @Inject(HANDLER_FILTERS) private readonly filters?: HandlerFilters) {}

  catch(error: Error, call: ArgumentsHost): unknown {
    if (this.filters === undefined) throw error;
    const { unavailable, exceeded } = this.filters;
    return isUnavailable(error) ? unavailable.catch(error, call) : exceeded.catch(error, call);
  }
}

interface HandlerFilters {
  readonly unavailable: ExceptionFilter<Error>;
  readonly exceeded: ExceptionFilter<Error>;
}

/** What is bound; `undefined`: not bound. */
export interface HandlerEnhancers {
  readonly guard: CanActivate | undefined;
  readonly interceptor: NestInterceptor | undefined;
  readonly filters: HandlerFilters | undefined;
  /** Whether the guard has anything to do for a handler of a class. */
  readonly isLimited: (type: Type, handler: object) => boolean;
}

/**
 * Binds guard, interceptor and filters to the classes that Nest's global ones do not reach: gateways never, and message handlers only
 * with `inheritAppConfig`. The guard comes after those of the class, which may authenticate. A class is marked once for
 * all applications of a process, and finds in its module what its own application put there.
 */
export function bindToHandlers(modules: ModulesContainer, enhancers: HandlerEnhancers): void {
  const { guard, interceptor, filters, isLimited } = enhancers;
  for (const module of modules.values()) {
    for (const { metatype } of [...module.controllers.values(), ...module.providers.values()]) {
      if (typeof metatype !== 'function' || metatype.prototype === undefined) continue;
      const type = metatype as Type;
      const handlers = handlersOf(type);
      if (handlers.length === 0) continue;
      if (guard !== undefined && handlers.some((handler) => isLimited(type, handler))) {
        bind(type, GUARDS, HandlerGuard, 'last');
        module.addInjectable({ provide: HandlerGuard, useValue: guard } as Provider, 'guard');
      }
      if (interceptor !== undefined && handlers.some((handler) => isLimited(type, handler))) {
        bind(type, INTERCEPTORS, HandlerInterceptor, 'last');
        module.addInjectable({ provide: HandlerInterceptor, useValue: interceptor } as Provider, 'interceptor');
      }
      if (filters !== undefined) {
        bind(type, FILTERS, HandlerFilter, 'first');
        module.addInjectable({ provide: HandlerFilter, useValue: new HandlerFilter(filters) } as Provider, 'filter');
      }
    }
  }
}

/** Methods of a gateway, and those of any class that take messages. */
function handlersOf(type: Type): readonly object[] {
  const prototype = type.prototype as Readonly<Record<string, unknown>>;
  const methods = new MetadataScanner()
    .getAllMethodNames(prototype)
    .map((name) => prototype[name])
    .filter((method): method is object => typeof method === 'function');
  if (Reflect.hasMetadata(GATEWAY, type)) return methods;
  return methods.filter((method) => Reflect.hasMetadata(PATTERN, method));
}

function bind(type: Type, key: string, enhancer: Type, place: 'first' | 'last'): void {
  const bound = (Reflect.getMetadata(key, type) as readonly unknown[] | undefined) ?? [];
  if (bound.includes(enhancer)) return;
  Reflect.defineMetadata(key, place === 'first' ? [enhancer, ...bound] : [...bound, enhancer], type);
}
