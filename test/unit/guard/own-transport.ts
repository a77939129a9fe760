import { Controller, type ExecutionContext } from '@nestjs/common';
import { type PolicyInput, RateLimit, type RateLimitModuleOptions, type RateLimitTransport } from 'nestjs-floodgate';
import { callOf, type Target } from './calls.js';
import { limitedApp } from './limited-app.js';

/** A transport of the application, and what the guard told it, in order. */
export function transport(parts: Partial<RateLimitTransport> = {}) {
  const told: string[] = [];
  const over: (() => void)[] = [];
  const own: RateLimitTransport = {
    name: 'telegram',
    owns: (call) => call.getType<string>() === 'telegram',
    show: (_call, { kind }) => void told.push(`show ${kind}`),
    announce: () => void told.push('announce'),
    ...parts,
  };
  const reporting =
    (isTold: boolean) =>
    (_call: unknown, end: () => void): boolean => {
      over.push(end);
      return isTold;
    };
  return { told, over, own, reporting };
}

/** An application with one route, whose calls come by a transport of its own. */
export async function start(own: RateLimitTransport, policies: PolicyInput[], options: RateLimitModuleOptions = {}) {
  @Controller()
  class Chat {
    @RateLimit(...policies)
    handle(): void {
      // Called by nobody.
    }
  }
  const target: Target = { type: Chat, method: 'handle' };
  const app = await limitedApp({ controllers: [Chat] }, { ...options, transports: [own] });
  const next = (): ExecutionContext => callOf('telegram', [{}], target);
  return { app, next, target };
}
