import type { FailureMode, RateLimitModuleOptions } from 'nestjs-floodgate';
import { memoryBackend } from 'nestjs-floodgate';
import { redisBackend } from 'nestjs-floodgate/redis';
import { Outage } from './demo/outage.js';
import { withOutage } from './demo/outage.backend.js';
import { connectorWith } from './demo/outage.connector.js';
import { accountOf } from './login/account.js';
import { pagesOf } from './search/pages.js';

/**
 * All limits of the application in one place.
 *
 * The environment says where they are counted (`REDIS_URL`; without it, in this process), what a request gets while
 * Redis is away (`FAILURE_MODE`: closed, open or local), and for how long Redis is then left alone before it is tried
 * again (`RECOVERY_TIMEOUT`, such as `5s`).
 *
 * @param outage by which the demo takes the backend away; an application needs nothing like it
 */
export function rateLimitOptions(env: NodeJS.ProcessEnv, outage = new Outage()): RateLimitModuleOptions {
  const url = env['REDIS_URL'];
  return {
    backend:
      url === undefined
        ? withOutage(memoryBackend(), outage)
        : redisBackend({ url, keyPrefix: 'bookshop:', connection: { Connector: connectorWith(outage) } }),
    // A value from outside: the module checks it at start-up, and says what would be right.
    failureMode: (env['FAILURE_MODE'] ?? 'closed') as FailureMode,
    circuitBreaker: { failureThreshold: 3, recoveryTimeout: env['RECOVERY_TIMEOUT'] ?? '5s' },
    policies: {
      // What any client may do in all, on every route that does not say otherwise.
      api: '100/m',
      // Guessing passwords of one account is over after five attempts, for a quarter of an hour.
      login: {
        rate: '5/15m',
        key: ['ip', accountOf],
        blockFor: '15m',
        message: 'Too many attempts for this account. Wait a while.',
      },
      // A page of results costs one unit; thirty may come at once, and then one every two seconds.
      search: { rate: '30/m', algorithm: 'token-bucket', cost: pagesOf },
      // Words that a reader's summaries may take in an hour.
      words: { rate: '1000/h' },
    },
    apply: ['api'],
  };
}
