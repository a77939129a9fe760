import { Inject, Injectable, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { type Class, limitsOf, skippedNames } from './route-metadata.js';
import { type Route, type RoutePlan, RoutePlanner } from './route-plan.js';

/** The plans of all routes: those that decorators mention are made at start-up, so that a wrong one stops it. */
@Injectable()
export class RouteCatalog {
  readonly planner: RoutePlanner;
  private readonly plans = new WeakMap<Class, WeakMap<object, RoutePlan>>();
  private names: ReadonlyMap<Class, string> = new Map();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { apply }: RateLimitSettings,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    for (const name of apply) catalog.checkKnown('apply', name);
    this.planner = new RoutePlanner(catalog, apply, (type) => this.names.get(type) ?? type.name);
  }

  /** @throws RateLimitConfigurationError for a decorator of any controller or provider that is wrong */
  prepare(): void {
    const classes = this.classes();
    this.names = namesApart(classes);
    const scanner = new MetadataScanner();
    for (const type of classes.keys()) {
      const prototype = type.prototype as object;
      for (const method of scanner.getAllMethodNames(prototype)) {
        const handler: unknown = Object.getOwnPropertyDescriptor(ownerOf(prototype, method), method)?.value;
        if (typeof handler === 'function' && (mentions(handler) || mentions(type))) this.planOf({ type, handler });
      }
    }
  }

  planOf(route: Route): RoutePlan {
    let ofClass = this.plans.get(route.type);
    if (ofClass === undefined) {
      ofClass = new WeakMap();
      this.plans.set(route.type, ofClass);
    }
    let plan = ofClass.get(route.handler);
    if (plan === undefined || plan.generation !== this.catalog.generation) {
      plan = this.planner.plan(route);
      ofClass.set(route.handler, plan);
    }
    return plan;
  }

  /** Every controller and provider class, with the name of its module. */
  private classes(): ReadonlyMap<Class, string> {
    const classes = new Map<Class, string>();
    for (const module of this.modules.values()) {
      for (const { metatype } of [...module.controllers.values(), ...module.providers.values()]) {
        if (typeof metatype === 'function' && metatype.prototype !== undefined) {
          classes.set(metatype as Type, module.name);
        }
      }
    }
    return classes;
  }
}

/**
 * Names for those classes that share theirs, parents included: they must not share counters. Their modules tell them
 * apart, and then their order.
 */
function namesApart(classes: ReadonlyMap<Class, string>): ReadonlyMap<Class, string> {
  const byName = new Map<string, Map<Class, string>>();
  for (const [type, module] of classes) {
    for (const one of lineOf(type)) {
      const namesakes = byName.get(one.name) ?? new Map<Class, string>();
      if (!namesakes.has(one)) byName.set(one.name, namesakes.set(one, `${module}/${one.name}`));
    }
  }
  const names = new Map<Class, string>();
  const taken = new Map<string, number>();
  for (const namesakes of byName.values()) {
    if (namesakes.size === 1) continue;
    for (const [type, name] of namesakes) {
      const count = (taken.get(name) ?? 0) + 1;
      taken.set(name, count);
      names.set(type, count === 1 ? name : `${name}~${count}`);
    }
  }
  return names;
}

/** A class and those that it extends. */
function lineOf(type: Class): readonly Class[] {
  const parent = Object.getPrototypeOf(type) as Class | null;
  return parent?.prototype === undefined ? [type] : [type, ...lineOf(parent)];
}

const mentions = (carrier: object): boolean => limitsOf(carrier).length > 0 || skippedNames(carrier).length > 0;

/** The prototype in the chain that defines a method. */
function ownerOf(prototype: object, method: string): object {
  let owner = prototype;
  while (!Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner) as object;
  return owner;
}
