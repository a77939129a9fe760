import { firstValueFrom, NEVER, type Observable } from 'rxjs';
import { Breaker } from '../../../../lib/breaker/breaker.js';
import { CircuitBreaker } from '../../../../lib/breaker/circuit-breaker.decorator.js';

const never = new Promise<never>(() => undefined);
const options = { callTimeout: 50 };

class Upstream {
  @CircuitBreaker(options)
  ask(): Promise<never> {
    return never;
  }
  @CircuitBreaker(options)
  watch(): Observable<never> {
    return NEVER;
  }
  @CircuitBreaker(options)
  async *tokens(): AsyncGenerator<string> {
    yield await never;
  }
}

const calls: Readonly<Record<string, () => PromiseLike<unknown>>> = {
  execute: () => new Breaker(options).execute(() => never),
  'execute with a signal': () => new Breaker(options).execute(() => never, { signal: new AbortController().signal }),
  'a method': () => new Upstream().ask(),
  'an Observable': () => firstValueFrom(new Upstream().watch()),
  'an async generator': () => new Upstream().tokens().next(),
};

export const AWAITED = Object.keys(calls);

/** Awaits a call that never answers, in a process that nothing else keeps alive; the code of its error. */
export default async function awaitCall(name: string): Promise<unknown> {
  process.channel?.unref();
  try {
    return await calls[name]?.();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}
