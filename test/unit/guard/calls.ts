import type { ExecutionContext } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';

/** A handler and its class, to make calls of. */
export interface Target {
  readonly type: new (...args: never[]) => object;
  readonly method: string;
}

class Anything {
  handle(): void {
    // Called by nobody.
  }
}

const ANYTHING: Target = { type: Anything, method: 'handle' };

/** The context of a call as Nest hands it to guards. */
export function callOf(type: string, args: unknown[], { type: Class, method }: Target = ANYTHING): ExecutionContext {
  const handler = (Class.prototype as Record<string, () => unknown>)[method]!;
  const context = new ExecutionContextHost(args, Class, handler);
  context.setType(type);
  return context;
}

/** An HTTP call of Express, as far as the limiter sees it. */
export function httpCall(request: object = {}, target?: Target): ExecutionContext {
  return callOf('http', [{ ip: '192.0.2.1', ...request }, fakeResponse(), () => undefined], target);
}

/** A response that keeps its headers, as Express and Fastify set them. */
export interface FakeResponse {
  readonly headers: Record<string, string>;
  header(name: string, value: string): void;
  set(name: string, value: string): void;
}

export function fakeResponse(): FakeResponse {
  const headers: Record<string, string> = {};
  const header = (name: string, value: string): void => void (headers[name] = value);
  return { headers, header, set: header };
}
