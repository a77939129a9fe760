import { failoverBackend, memoryBackend, type Backend, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { redisBackend, type RedisConnection } from 'nestjs-floodgate/redis';

/** Ways to meet an outage: the columns of the table. */
export const MODES = ['closed', 'open', 'local', 'failover to memory', 'failover to a second Redis'] as const;

export type Mode = (typeof MODES)[number];

/** What the application is set to, beside the package's own defaults: one open period is short, and as long as all others. */
export const RECOVERY_MS = 1_000;
export const FAILBACK_INTERVAL_MS = 100;
export const FAILBACK_PROBES = 3;
/** The package's defaults. */
export const DEADLINE_MS = 250;
export const FAILURE_THRESHOLD = 5;

export interface ModeInput {
  /** Name of the backend that fails. */
  readonly name: string;
  readonly connection: RedisConnection;
  /** A server that keeps working. */
  readonly spareUrl: string;
}

/** Options of the module under a mode. */
export function optionsOf(mode: Mode, { name, connection, spareUrl }: ModeInput): RateLimitModuleOptions {
  const primary = redisBackend({ ...connection, name });
  const circuitBreaker = { recoveryTimeout: RECOVERY_MS, backoffMultiplier: 1, jitter: 0 };
  const failover = (second: Backend): RateLimitModuleOptions => ({
    backend: failoverBackend([primary, second], {
      failbackInterval: FAILBACK_INTERVAL_MS,
      failbackProbes: FAILBACK_PROBES,
    }),
    circuitBreaker,
  });
  switch (mode) {
    case 'closed':
    case 'open':
    case 'local':
      return { backend: primary, failureMode: mode, circuitBreaker };
    case 'failover to memory':
      return failover(memoryBackend());
    case 'failover to a second Redis':
      return failover(redisBackend({ url: spareUrl, name: 'spare' }));
  }
}

/** What a call gets while the backend is down. */
export interface Promised {
  readonly status: '503' | '200' | '200, 429';
  /** Which of the limiter's headers an answer has. */
  readonly headers: 'Retry-After' | 'none' | 'RateLimit';
  readonly source: 'none' | 'local' | 'fallback' | null;
  /** HTTP status and word of `/health`. */
  readonly health: readonly [number, 'ok' | 'degraded' | 'error'];
}

const ENFORCED = { status: '200, 429', headers: 'RateLimit' } as const;

export const PROMISED: Readonly<Record<Mode, Promised>> = {
  closed: { status: '503', headers: 'Retry-After', source: null, health: [503, 'error'] },
  open: { status: '200', headers: 'none', source: 'none', health: [200, 'degraded'] },
  local: { ...ENFORCED, source: 'local', health: [200, 'degraded'] },
  'failover to memory': { ...ENFORCED, source: 'fallback', health: [200, 'ok'] },
  'failover to a second Redis': { ...ENFORCED, source: 'fallback', health: [200, 'ok'] },
};
