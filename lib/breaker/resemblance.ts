import 'reflect-metadata';

/** Copies name, length, properties and decorator metadata of the method to the wrapper. */
export function resemble(wrapper: object, method: object): void {
  const { prototype: _own, ...properties } = Object.getOwnPropertyDescriptors(method as Record<PropertyKey, unknown>);
  Object.defineProperties(wrapper, properties);
  for (const key of Reflect.getOwnMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  }
}
