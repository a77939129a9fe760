import 'reflect-metadata';
import type { Type } from '@nestjs/common';
import { MetadataScanner, type ModulesContainer } from '@nestjs/core';
import { resemble } from '../../breaker/resemblance.js';
import { isAsyncIterable, isPromiseLike } from '../../breaker/result.shape.js';

import { rethrowShown } from './outage-error.js';
import { ShownStream } from './shown-stream.js';

/** Under which Nest's GraphQL module marks a method as a resolver: of a root field, of another field, of a reference. */
const ROOT_FIELD = 'graphql:resolver_type';
const RESOLVERS = [ROOT_FIELD, 'graphql:resolve_property', 'graphql:resolve_reference'];

type Method = (this: unknown, ...args: unknown[]) => unknown;

const WRAPPERS = new WeakSet<object>();

/**
 * Hides the names of backends and breakers in what resolvers throw. Nest asks no exception filter for nested fields and
 * references, and none for what a subscription throws once it has begun. It must be before Nest reads the resolvers; a
 * class is changed once for all applications of a process.
 */
export function hideOutages(modules: ModulesContainer): void {
  for (const { providers } of modules.values()) {
    for (const { metatype } of providers.values()) {
      if (typeof metatype === 'function' && metatype.prototype !== undefined) hideOutagesOf(metatype as Type);
    }
  }
}

function hideOutagesOf({ prototype }: Type): void {
  for (const name of new MetadataScanner().getAllMethodNames(prototype as object)) {
    const owner = ownerOf(prototype as object, name);
    const descriptor = Object.getOwnPropertyDescriptor(owner, name);
    const method = descriptor?.value as Method | undefined;
    if (typeof method !== 'function' || WRAPPERS.has(method) || !isResolver(method)) continue;
    const wrapper = wrapped(method);
    resemble(wrapper, method);
    WRAPPERS.add(wrapper);
    Object.defineProperty(owner, name, { ...descriptor, value: wrapper });
  }
}

const isResolver = (method: object): boolean => RESOLVERS.some((key) => Reflect.hasMetadata(key, method));

function wrapped(method: Method): Method {
  const isSubscription = Reflect.getMetadata(ROOT_FIELD, method) === 'Subscription';
  const shown = (result: unknown): unknown =>
    isSubscription && isAsyncIterable(result) ? new ShownStream(result) : result;
  return function (this: unknown, ...args: unknown[]): unknown {
    try {
      const result = method.apply(this, args);
      return isPromiseLike(result) ? result.then(shown, rethrowShown) : shown(result);
    } catch (error) {
      return rethrowShown(error);
    }
  };
}

/** The prototype in the chain that defines a method. */
function ownerOf(prototype: object, method: string): object {
  let owner = prototype;
  while (!Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner) as object;
  return owner;
}
