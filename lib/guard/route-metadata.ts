import 'reflect-metadata';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import type { PolicyInput } from '../contracts/policy.js';

/** One `@RateLimit()` and its place: the class, and the method if it is on one. */
export interface DeclaredLimits {
  readonly policies: readonly PolicyInput[];
  readonly target: Class;
  readonly method: string | undefined;
}

export type Class = abstract new (...args: never[]) => unknown;

/** A function with metadata: a handler or a class. */
export type Carrier = object;

const LIMITS = Symbol.for('nestjs-floodgate:limits');
const SKIPS = Symbol.for('nestjs-floodgate:skips');

/** Adds limits. Decorators run from the last to the first, so each is added before the existing ones. */
export const declareLimits = (policies: readonly PolicyInput[]): MethodDecorator & ClassDecorator =>
  decorate((carrier, target, method) => {
    const declared: DeclaredLimits = { policies, target, method };
    Reflect.defineMetadata(LIMITS, [declared, ...ownLimits(carrier)], carrier);
  });

/** Adds names to skip; an empty list skips all. */
export const declareSkips = (names: readonly string[]): MethodDecorator & ClassDecorator =>
  decorate((carrier) => {
    Reflect.defineMetadata(SKIPS, [...ownSkips(carrier), names], carrier);
  });

/** The limits of a handler or a class, in written order; a class inherits those of its parent. */
export const limitsOf = (carrier: Carrier): readonly DeclaredLimits[] =>
  (Reflect.getMetadata(LIMITS, carrier) as readonly DeclaredLimits[] | undefined) ?? [];

/** Whether a handler or a class skips a policy; without a name, whether it skips all. */
export function skips(carrier: Carrier, name?: string): boolean {
  const lists = (Reflect.getMetadata(SKIPS, carrier) as readonly (readonly string[])[] | undefined) ?? [];
  return lists.some((names) => names.length === 0 || (name !== undefined && names.includes(name)));
}

/** The names that a handler or a class skips. */
export const skippedNames = (carrier: Carrier): readonly string[] =>
  ((Reflect.getMetadata(SKIPS, carrier) as readonly (readonly string[])[] | undefined) ?? []).flat();

const ownLimits = (carrier: Carrier): readonly DeclaredLimits[] =>
  (Reflect.getOwnMetadata(LIMITS, carrier) as readonly DeclaredLimits[] | undefined) ?? [];

const ownSkips = (carrier: Carrier): readonly (readonly string[])[] =>
  (Reflect.getOwnMetadata(SKIPS, carrier) as readonly (readonly string[])[] | undefined) ?? [];

/** One decorator for methods (with metadata on the function, like Nest's) and for classes. */
function decorate(
  declare: (carrier: Carrier, target: Class, method: string | undefined) => void,
): MethodDecorator & ClassDecorator {
  return (target: object, method?: string | symbol, descriptor?: PropertyDescriptor): void => {
    if (method === undefined) return declare(target, target as Class, undefined);
    const handler: unknown = descriptor?.value;
    if (typeof handler !== 'function') {
      const place = `${target.constructor.name}.${String(method)}`;
      throw new RateLimitConfigurationError(place, handler, 'Decorate a class or a method: nothing else is called.');
    }
    declare(handler, target.constructor as Class, String(method));
  };
}
