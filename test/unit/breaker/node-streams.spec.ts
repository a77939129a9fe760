import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { once } from 'node:events';
import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { Test } from '@nestjs/testing';

const down = new Error('down');

class Files {
  @CircuitBreaker({ failureThreshold: 2 })
  async open(source: () => Readable): Promise<Readable> {
    return source();
  }
  @CircuitBreaker({ failureThreshold: 1 })
  async web(source: ReadableStream): Promise<ReadableStream> {
    return source;
  }
}

async function* broken(): AsyncGenerator<string> {
  yield 'a';
  throw down;
}

async function filesAndBreaker() {
  const module = await Test.createTestingModule({ providers: [Files, CircuitBreakerRegistry] }).compile();
  const registry = module.get(CircuitBreakerRegistry);
  return { files: module.get(Files), failures: () => registry.get('Files.open')?.status().failureCount, registry };
}

describe("a stream of Node's behind a breaker", () => {
  it('is passed as it is, and is a success when it closes, however it is read', async () => {
    const { files, failures, registry } = await filesAndBreaker();
    for (const read of [text, async (stream: Readable) => (await stream.toArray()).join('')]) {
      registry.get('Files.open')?.tryAcquire()?.failure(down);
      const source = Readable.from(['a', 'b']);
      const stream = await files.open(() => source);
      expect(stream).toBe(source);
      expect(failures()).toBe(1);
      await expect(read(stream)).resolves.toBe('ab');
      if (!stream.closed) await once(stream, 'close');
      expect(failures()).toBe(0);
    }
  });

  it('is a failure when it breaks', async () => {
    const { files, failures } = await filesAndBreaker();
    await expect(text(await files.open(() => Readable.from(broken())))).rejects.toBe(down);
    expect(failures()).toBe(1);
  });

  it('is the verdict of a probe when it is there', async () => {
    const { files, registry } = await filesAndBreaker();
    const breaker = registry.get('Files.open');
    // Due at once, for jitter takes all of the period; the probe itself may take a minute.
    breaker?.configure({ recoveryTimeout: '1m', jitter: 1, random: () => 1 });
    breaker?.tryAcquire()?.failure(down);
    breaker?.tryAcquire()?.failure(down);
    expect(breaker?.status()).toMatchObject({ state: 'open', retryAfterMs: 0 });
    const stream = await files.open(() => Readable.from(['a']));
    expect(breaker?.status().state).toBe('closed');
    stream.destroy();
  });

  it('of the web is a value', async () => {
    const stream = new Blob(['web']).stream();
    await expect(new Files().web(stream)).resolves.toBe(stream);
    await stream.cancel();
  });
});
