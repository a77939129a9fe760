import { RateLimitConfigurationError } from '../contracts/errors.js';

/**
 * Checks the injected dependencies of a class outside the module, such as one in `@UseGuards()`.
 *
 * @throws RateLimitConfigurationError if the module is missing
 */
export function checkModule(user: string, given: unknown): void {
  if (given !== undefined) return;
  throw new RateLimitConfigurationError(
    user,
    given,
    'It works with RateLimitModule: add RateLimitModule.forRoot() to the imports of the root module (with isGlobal: false, import it in your own module that exports it, and import that module here).',
  );
}
