import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { PolicyCatalog } from '../policies/policy-catalog.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.options.js';
import { namesApart, sharedNames } from './class-names.js';
import { type Class, limitsOf, skippedNames } from './route-metadata.js';
import { counterOf, type Route, type RoutePlan, RoutePlanner } from './route-plan.js';

/** The plans of all routes: those that decorators mention are made at start-up, so that a wrong one stops it. */
@Injectable()
export class RouteCatalog {
  readonly planner: RoutePlanner;
  private readonly plans = new WeakMap<Class, WeakMap<object, RoutePlan>>();
  private readonly mentioned: RoutePlan[] = [];
  private names: ReadonlyMap<Class, string> | undefined;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { apply }: RateLimitSettings,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    for (const name of apply) catalog.checkKnown('apply', name);
    this.planner = new RoutePlanner(catalog, apply, (type) => this.nameOf(type));
  }

  /** The plans of the routes that decorators mention, once they are made. */
  get prepared(): readonly RoutePlan[] {
    return this.mentioned;
  }

  /** @throws RateLimitConfigurationError for a decorator of any controller or provider that is wrong */
  prepare(): void {
    const scanner = new MetadataScanner();
    for (const type of this.classes().keys()) {
      const prototype = type.prototype as object;
      for (const method of scanner.getAllMethodNames(prototype)) {
        const handler: unknown = Object.getOwnPropertyDescriptor(ownerOf(prototype, method), method)?.value;
        if (typeof handler !== 'function' || !(mentions(handler) || mentions(type))) continue;
        this.mentioned.push(this.planOf({ type, handler }));
      }
    }
    this.tellSharedNames();
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

  /** What a bundler does to names is seen here at the latest: many classes are called alike then. */
  private tellSharedNames(): void {
    const counters = this.mentioned.flatMap(({ candidates }) => candidates.map(counterOf));
    for (const name of sharedNames(this.apart, counters)) {
      new Logger('RateLimit').warn(
        `Several classes are called '${name}', by which their counters are named. Another build may tell them apart in another order: define their policies by name in the module's option policies, or keep the names of classes when you bundle.`,
      );
    }
  }

  /** A name of a class that no other class of the application has. */
  private nameOf(type: Class): string {
    return this.apart.get(type) ?? type.name;
  }

  private get apart(): ReadonlyMap<Class, string> {
    return (this.names ??= namesApart(this.classes()));
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

const mentions = (carrier: object): boolean => limitsOf(carrier).length > 0 || skippedNames(carrier).length > 0;

/** The prototype in the chain that defines a method. */
function ownerOf(prototype: object, method: string): object {
  let owner = prototype;
  while (!Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner) as object;
  return owner;
}
