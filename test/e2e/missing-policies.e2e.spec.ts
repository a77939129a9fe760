import { Controller, Get } from '@nestjs/common';
import { type PolicyInput, RateLimit, RateLimitModule } from 'nestjs-floodgate';
import { startHttpApp } from '../support/http-app.js';

@Controller()
class BareController {
  @RateLimit()
  @Get()
  find(): string {
    return 'found';
  }
}

describe('a policy that is missing stops the start, and is named', () => {
  it.each([undefined, null, 5])('in the options of the module (%p)', async (given) => {
    const policies = { api: given as unknown as PolicyInput };
    await expect(startHttpApp('express', { imports: [RateLimitModule.forRoot({ policies })] })).rejects.toThrow(
      `policies.api: received ${String(given)}. Give a rate such as '100/m', options, or a policy's name.`,
    );
  });

  it('in a decorator', async () => {
    const start = startHttpApp('express', { imports: [RateLimitModule.forRoot()], controllers: [BareController] });
    await expect(start).rejects.toThrow(
      "@RateLimit() of BareController.find: received an array of 0. Give at least one policy, such as '100/m'.",
    );
  });
});
