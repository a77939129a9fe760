import { ConsoleLogger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { memoryBackend, RateLimitModule, type Backend } from 'nestjs-floodgate';

describe('the module at shutdown', () => {
  it('tells of a backend that does not close, and lets everyone else close', async () => {
    let closed = false;
    @Module({ imports: [RateLimitModule.forRoot({ backend: stuck() })] })
    class AppModule implements OnApplicationShutdown {
      onApplicationShutdown(): void {
        closed = true;
      }
    }
    const log = new Errors();
    const app = await NestFactory.createApplicationContext(AppModule, { logger: log, abortOnError: false });
    await app.close();
    expect(closed).toBe(true);
    expect(log.errors).toEqual([['A backend did not close', expect.stringContaining('stuck'), 'RateLimit']]);
  });
});

/** A backend whose close fails. */
function stuck(): Backend {
  return Object.assign(memoryBackend(), { close: () => Promise.reject(new Error('stuck')) });
}

/** Keeps the errors that are written, and writes nothing. */
class Errors extends ConsoleLogger {
  readonly errors: unknown[][] = [];
  override log(): void {
    // What a start has to say.
  }
  override error(...parts: unknown[]): void {
    this.errors.push(parts);
  }
}
