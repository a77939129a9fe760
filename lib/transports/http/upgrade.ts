import type { HttpAdapterHost } from '@nestjs/core';
import { isObject, propertiesOf } from '../structure.js';

/** What is used of the request by which a socket was opened, Node's own `IncomingMessage`. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly socket: object;
}

/** Under which Fastify keeps the class of its requests. */
const FASTIFY_REQUEST = 'fastify.Request';

export function isUpgradeRequest(value: unknown): value is UpgradeRequest {
  const { headers, socket } = propertiesOf(value);
  return isObject(headers) && isObject(socket);
}

/**
 * The address of the client that opened a socket. It is read as the HTTP adapter reads the address of a request, and so
 * by its setting for proxies; without an adapter it is the other end of the connection.
 */
export function addressOfUpgrade({ httpAdapter }: Partial<HttpAdapterHost>, upgrade: UpgradeRequest): unknown {
  const requests = requestPrototype(httpAdapter?.getInstance<unknown>());
  if (requests === undefined) return propertiesOf(upgrade.socket)['remoteAddress'];
  const { headers, socket } = upgrade;
  const fields = { headers, socket, connection: socket, raw: upgrade };
  const request = Object.create(requests, valuesOf(fields)) as object;
  return propertiesOf(request)['ip'];
}

/** What requests of the platform inherit from: their `ip` knows of proxies. */
function requestPrototype(instance: unknown): object | undefined {
  const express = propertiesOf(instance)['request'];
  if (isObject(express)) return express;
  if (!isObject(instance)) return undefined;
  const key = Object.getOwnPropertySymbols(instance).find(({ description }) => description === FASTIFY_REQUEST);
  const type = key && (instance as Readonly<Record<symbol, unknown>>)[key];
  const prototype = propertiesOf(type)['prototype'];
  return isObject(prototype) ? prototype : undefined;
}

const valuesOf = (fields: object): PropertyDescriptorMap =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value: value as unknown }]));
