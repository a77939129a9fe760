import { Inject, Injectable, Logger, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { PolicyInput } from '../contracts/policy.js';
import { PolicyCatalog, watchesEnd } from '../policies/policy-catalog.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../rate-limit.settings.js';
import { namesApart, sharedNames } from './class-names.js';
import { type Class, limitsOf, skippedNames } from './route-metadata.js';
import { counterOf, type PlanReach, type Route, type RoutePlan, RoutePlanner } from './route-plan.js';

/** The plans of all routes. Those with decorators are created at start-up, so that a mistake stops it. */
@Injectable()
export class RouteCatalog {
  readonly planner: RoutePlanner;
  private readonly plans: Readonly<Record<PlanReach, WeakMap<Class, WeakMap<object, RoutePlan>>>> = {
    all: new WeakMap(),
    declared: new WeakMap(),
    own: new WeakMap(),
    connection: new WeakMap(),
  };
  private readonly mentioned: RoutePlan[] = [];
  private watching: boolean | undefined;
  private names: ReadonlyMap<Class, string> | undefined;

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) { apply, connect }: RateLimitSettings,
    @Inject(PolicyCatalog) private readonly catalog: PolicyCatalog,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    for (const name of apply) catalog.checkKnown('apply', name);
    if (connect !== undefined) catalog.checkKnown('connect', connect);
    const applied = { all: apply, connection: connect === undefined ? [] : [connect] };
    this.planner = new RoutePlanner(catalog, applied, (type) => this.nameOf(type));
  }

  /** The plans of the routes with decorators, after they are created. */
  get prepared(): readonly RoutePlan[] {
    return this.mentioned;
  }

  /**
   * Whether the end of a call matters: to a policy with `chargeOn`, a slot, or a policy that depends on the request.
   */
  get watchesEnds(): boolean {
    return (this.watching ??= this.catalog.watchesEnds || this.declared().some(mayWatch));
  }

  /** @throws RateLimitConfigurationError for a wrong decorator on any controller or provider */
  prepare(): void {
    this.mentioned.push(...this.decorated().map((route) => this.planOf(route)));
    this.tellSharedNames();
  }

  /** @param reach which limits count the call. Default: all */
  planOf(route: Route, reach: PlanReach = 'all'): RoutePlan {
    const plans = this.plans[reach];
    let ofClass = plans.get(route.type);
    if (ofClass === undefined) {
      ofClass = new WeakMap();
      plans.set(route.type, ofClass);
    }
    let plan = ofClass.get(route.handler);
    if (plan === undefined || plan.generation !== this.catalog.generation) {
      plan = this.planner.plan(route, reach);
      ofClass.set(route.handler, plan);
    }
    return plan;
  }

  /** The name of a handler: its class, with a unique name, and its method. */
  labelOf(route: Route): string {
    return this.planner.labelOf(route);
  }

  /** The routes with decorators. */
  private decorated(): readonly Route[] {
    const scanner = new MetadataScanner();
    return [...this.classes().keys()].flatMap((type) => {
      const prototype = type.prototype as Readonly<Record<string, Route['handler']>>;
      const handlers = scanner.getAllMethodNames(prototype).map((method) => prototype[method] as Route['handler']);
      return handlers.filter((handler) => isDecorated(type, handler)).map((handler) => ({ type, handler }));
    });
  }

  private declared(): readonly PolicyInput[] {
    const limits = this.decorated().flatMap(({ type, handler }) => [...limitsOf(type), ...limitsOf(handler)]);
    return limits.flatMap(({ policies }) => policies);
  }

  /** Here a bundler's short names become visible: many classes then have the same name. */
  private tellSharedNames(): void {
    const counters = this.mentioned.flatMap(({ candidates }) => candidates.map(counterOf));
    for (const name of sharedNames(this.apart, counters)) {
      new Logger('RateLimit').warn(
        `Several classes are called '${name}', by which their counters are named. Another build may tell them apart in another order: define their policies by name in the module's option policies, or keep the names of classes when you bundle.`,
      );
    }
  }

  /** A class name that no other class of the application has. */
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

const mayWatch = (input: PolicyInput): boolean =>
  typeof input === 'function' || (typeof input === 'object' && watchesEnd(input));

/** Whether a handler or its class has decorators. */
export const isDecorated = (type: object, handler: object): boolean => mentions(handler) || mentions(type);

const mentions = (carrier: object): boolean => limitsOf(carrier).length > 0 || skippedNames(carrier).length > 0;
