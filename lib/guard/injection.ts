import { type ExecutionContext, Inject, Injectable, Scope, type Type } from '@nestjs/common';
import { type ContextId, ContextIdFactory, ModuleRef, ModulesContainer } from '@nestjs/core';
import type { MaybePromise } from '../contracts/maybe-promise.js';
import type { KeyResolver, PolicyResolver } from '../contracts/policy.js';
import { identityOf } from '../transports/call-identity.js';
import { Transports } from '../transports/transports.js';

/** Whether a function is a class that dependency injection can create; `resolve` may be a method or a property. */
export function isResolverClass<R extends KeyResolver | PolicyResolver>(
  input: Type<R> | ((context: ExecutionContext) => unknown),
): input is Type<R> {
  const { prototype } = input as { prototype?: { resolve?: unknown } };
  return typeof prototype?.resolve === 'function' || /^class\b/.test(Function.prototype.toString.call(input));
}

/**
 * Instances of classes in options and decorators: the application's own provider of any scope, else an instance that
 * Nest creates in the module of the called class.
 */
@Injectable()
export class Injection {
  private readonly made = new Map<Type<unknown>, MaybePromise<unknown>>();
  private readonly contexts = new WeakMap<object, ContextId>();
  private readonly requests = new WeakMap<object, object>();

  constructor(
    @Inject(ModuleRef) private readonly moduleRef: ModuleRef,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
    @Inject(Transports) private readonly transports: Transports,
  ) {}

  instanceOf<T>(type: Type<T>, context: ExecutionContext): MaybePromise<T> {
    const known = this.made.get(type);
    if (known !== undefined) return known as MaybePromise<T>;
    switch (this.scopeOf(type)) {
      case undefined:
        return this.keep(type, this.injectorOf(context.getClass()).create(type));
      case Scope.DEFAULT:
        return this.keep(type, this.moduleRef.get(type, { strict: false }));
      default:
        return this.moduleRef.resolve(type, this.contextOf(this.requestOf(context)), { strict: false });
    }
  }

  /** The request of a call; for a message, an object with the known data of its caller, the same for the whole call. */
  private requestOf(context: ExecutionContext): object {
    const call = identityOf(context);
    const known = call && this.requests.get(call);
    if (known !== undefined) return known;
    const request = this.transports.callerOf(context) ?? {};
    if (call !== undefined) this.requests.set(call, request);
    return request;
  }

  /** The injection context of the request, one for the whole request; `REQUEST` in it is the request. */
  private contextOf(request: object): ContextId {
    let id = this.contexts.get(request);
    if (id === undefined) {
      id = ContextIdFactory.getByRequest(request);
      // Nest creates the context of a request for a request-scoped controller. Only then can it be found again.
      if (ContextIdFactory.getByRequest(request) !== id) this.moduleRef.registerRequestByContextId(request, id);
      this.contexts.set(request, id);
    }
    return id;
  }

  /** The injector of a class's module: a class created there can inject the same things. */
  private injectorOf(type: Type): ModuleRef {
    const modules = [...this.modules.values()];
    const own = modules.find(({ controllers, providers }) => controllers.has(type) || providers.has(type));
    return (own?.providers.get(ModuleRef)?.instance as ModuleRef | undefined) ?? this.moduleRef;
  }

  /** Scope of a provider; `undefined` if the application does not provide the class. */
  private scopeOf(type: Type<unknown>): Scope | undefined {
    try {
      return this.moduleRef.introspect(type).scope;
    } catch {
      return undefined;
    }
  }

  private keep<T>(type: Type<T>, instance: MaybePromise<T>): MaybePromise<T> {
    this.made.set(type, instance);
    if (instance instanceof Promise) {
      instance.then(
        (one) => this.made.set(type, one),
        () => this.made.delete(type),
      );
    }
    return instance;
  }
}
