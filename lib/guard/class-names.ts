import type { Class } from './route-metadata.js';

/**
 * Different names for classes with the same name, including parents, because they must not share counters. Their
 * modules separate them, and then their order.
 *
 * @param classes every class, with the name of its module
 */
export function namesApart(classes: ReadonlyMap<Class, string>): ReadonlyMap<Class, string> {
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

/** A class and its parents. */
function lineOf(type: Class): readonly Class[] {
  const parent = Object.getPrototypeOf(type) as Class | null;
  return parent?.prototype === undefined ? [type] : [type, ...lineOf(parent)];
}

/**
 * Class names that several classes share and that name counters.
 *
 * @param apart the separate names
 * @param counters the ids of the application's counters, such as `@CatsModule/Cats.find[0]`
 */
export function sharedNames(apart: ReadonlyMap<Class, string>, counters: readonly string[]): ReadonlySet<string> {
  const borne = [...apart].filter(([, name]) =>
    counters.some((id) => [`@${name}.`, `@${name}[`, `@${name}:`].some((owner) => id.includes(owner))),
  );
  return new Set(borne.map(([{ name }]) => name));
}
