import 'reflect-metadata';

/** Makes the wrapper pass for the method: its name, its length, its properties and the metadata of decorators below. */
export function resemble(wrapper: object, method: object): void {
  const { prototype: _own, ...properties } = Object.getOwnPropertyDescriptors(method as Record<PropertyKey, unknown>);
  Object.defineProperties(wrapper, properties);
  for (const key of Reflect.getOwnMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  }
}
