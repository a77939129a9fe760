const UNOBSERVED = Symbol.for('nestjs-floodgate:unobserved');

/** Keeps calls of a controller that no limit applies to out of the events: pages that show them must not count. */
export const Unobserved = (): ClassDecorator => (type) => {
  Object.defineProperty(type, UNOBSERVED, { value: true });
};

/** Whether calls of a class that no limit applies to are events. */
export const isObserved = (type: object): boolean => !(UNOBSERVED in type);
