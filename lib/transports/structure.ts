/** Narrows what other packages hand over, whose types this one does not import. */
export const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** A value as an object to read properties of; an empty one in place of what is none. */
export const propertiesOf = (value: unknown): Readonly<Record<string, unknown>> =>
  isObject(value) || typeof value === 'function' ? (value as Readonly<Record<string, unknown>>) : {};
