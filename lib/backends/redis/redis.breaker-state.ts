import {
  HINT_GRACE_MS,
  KEPT_MS,
  type BreakerStateStore,
  type CircuitReport,
  type PeersProbe,
  type ProbeRefusal,
} from '../../contracts/breaker-state.js';
import { aQuorum, onlyKnown } from '../../policies/option-checks.js';
import { PolledBreakerState, type Exchange, type StateTable } from '../polled.breaker-state.js';
import { driverOf, type RedisConnection } from './redis-connection.js';
import type { RedisDriver } from './redis-driver.js';
import { runScript, scriptOf } from './script.js';
import { BREAKERS_SCRIPT } from './scripts/breakers.generated.js';

/** Options of `redisBreakerState()`. */
export type RedisBreakerStateOptions = RedisConnection & {
  /**
   * The number of other processes with an open circuit that opens the circuit here: a whole number of at least 1.
   * Default: never; each circuit opens after its own failures.
   */
  readonly quorum?: number;
  /** The prefix of its keys. Default `floodgate:`. */
  readonly keyPrefix?: string;
};

const SCRIPT = scriptOf(BREAKERS_SCRIPT);

/** Maximum wait for a connection, in ms. */
const CONNECT_MS = 900;

/**
 * Shares open circuits between all processes of a fleet in Redis, and keeps them across restarts. Use another Redis
 * than the one that the breakers protect.
 *
 * @throws RateLimitConfigurationError unless `client` is given, or `url`, `connection` or both
 * @example
 * RateLimitModule.forRoot({ breakerState: redisBreakerState({ url: 'redis://state:6379' }) })
 */
export function redisBreakerState(options: RedisBreakerStateOptions): BreakerStateStore {
  onlyKnown('redisBreakerState', options, ['client', 'url', 'connection', 'credentials', 'quorum', 'keyPrefix']);
  const { quorum, keyPrefix = 'floodgate:' } = options;
  aQuorum('redisBreakerState.quorum', quorum);
  const driver = driverOf('redisBreakerState', options);
  return new PolledBreakerState('redis', quorum, new RedisStateTable(driver, `${keyPrefix}{breakers}`));
}

class RedisStateTable implements StateTable {
  constructor(
    private readonly driver: RedisDriver,
    private readonly base: string,
  ) {}

  async exchange(id: string, reports: readonly CircuitReport[], starts: boolean): Promise<Exchange> {
    const told = JSON.stringify(reports);
    const reply = await this.run(['exchange', id, told, starts ? '1' : '0', String(HINT_GRACE_MS), String(KEPT_MS)]);
    const { peers, resumed } = JSON.parse(reply) as Exchange;
    // An empty list of Lua is an object.
    return { peers: Array.isArray(peers) ? peers : [], resumed: Array.isArray(resumed) ? resumed : [] };
  }

  async claim(id: string, circuit: string, forMs: number): Promise<ProbeRefusal> {
    const reply = await this.run(['claim', id, circuit, whole(forMs)]);
    return reply === '' ? undefined : (JSON.parse(reply) as PeersProbe);
  }

  async settle(id: string, circuit: string, keep: PeersProbe | undefined): Promise<void> {
    const forMs = keep === undefined || keep.forMs <= 0 ? '0' : whole(keep.forMs);
    await this.run(['settle', id, circuit, forMs, String(keep?.step ?? 0)]);
  }

  async leave(id: string): Promise<void> {
    await this.run(['leave', id]);
  }

  close(): Promise<void> {
    return this.driver.close();
  }

  private async run(parameters: readonly string[]): Promise<string> {
    this.driver.open();
    if (!this.driver.isReady) await this.driver.whenReady(AbortSignal.timeout(CONNECT_MS));
    return String(await runScript(this.driver, SCRIPT, { keys: [this.base], parameters }));
  }
}

const whole = (ms: number): string => String(Math.max(1, Math.ceil(ms)));
