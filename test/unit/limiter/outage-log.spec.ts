import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CircuitBreakerRegistry, RateLimitEvents, RateLimitModule } from 'nestjs-floodgate';

async function linesOf(act: (registry: CircuitBreakerRegistry) => void): Promise<string[]> {
  const lines: string[] = [];
  const write = (line: unknown): void => void lines.push(String(line));
  const spies = [jest.spyOn(Logger.prototype, 'warn'), jest.spyOn(Logger.prototype, 'log')];
  spies.forEach((spy) => spy.mockImplementation(write));
  const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()] }).compile();
  await app.init();
  act(app.get(CircuitBreakerRegistry));
  await app.close();
  spies.forEach((spy) => spy.mockRestore());
  return lines.filter((line) => line.startsWith('Circuit '));
}

describe('the log of circuits', () => {
  it("tells when a method's circuit opens", async () => {
    const lines = await linesOf((registry) => {
      const breaker = registry.getOrCreate('Partner.quote', { failureThreshold: 1 });
      breaker.tryAcquire()?.failure(new Error('down'));
    });
    expect(lines).toEqual(["Circuit 'Partner.quote' is open (tripped)."]);
  });

  it("tells when somebody opens a backend's, and leaves its outages to the backend's own lines", async () => {
    const lines = await linesOf((registry) => {
      const breaker = registry.get('backend:memory');
      for (let failure = 0; failure < 5; failure += 1) breaker?.tryAcquire()?.failure(new Error('down'));
      breaker?.reset();
      breaker?.forceOpen();
    });
    expect(lines).toEqual(["Circuit 'backend:memory' is open (forced)."]);
  });
});

it('is no listener for whose sake decisions are told', async () => {
  const app = await Test.createTestingModule({ imports: [RateLimitModule.forRoot()] }).compile();
  await app.init();
  expect(app.get(RateLimitEvents).heard).toBe(false);
});
