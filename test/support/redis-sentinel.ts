import { eventually } from './eventually.js';
import { RedisServer } from './redis-server.js';

const SENTINELS = 3;
const QUORUM = 2;
const WAIT_MS = 20_000;

export interface RedisSentinelOptions {
  /** Replicas of the master. Default 1. */
  readonly replicas?: number;
  /** Password of master and replicas. */
  readonly password?: string;
  /** Silence after which the sentinels take the master for down, in ms. Default 500. */
  readonly downAfterMs?: number;
  /** Longest time that one attempt to fail over may take, in ms. Default 2,000. */
  readonly failoverTimeoutMs?: number;
}

/**
 * A real master with replicas, watched over by three sentinels, on 127.0.0.1.
 *
 * @example
 * await using watched = await RedisSentinel.start();
 * const client = new Redis({ sentinels: [...watched.sentinels], name: watched.name });
 * await watched.failOver();
 */
export class RedisSentinel implements AsyncDisposable {
  /** By which the sentinels know the master. */
  readonly name = 'counters';

  private constructor(
    /** The server that began as the master, and its replicas. */
    readonly servers: readonly RedisServer[],
    private readonly watchers: RedisServer[],
  ) {}

  /** Starts all, and waits until every sentinel knows all others and every replica, and each replica is in step. */
  static async start(options: RedisSentinelOptions = {}): Promise<RedisSentinel> {
    const { replicas = 1 } = options;
    const password = options.password === undefined ? {} : { password: options.password };
    const servers: RedisServer[] = [];
    const watched = new RedisSentinel(servers, []);
    try {
      const master = await RedisServer.start(password);
      servers.push(master);
      for (let index = 0; index < replicas; index++) {
        servers.push(await RedisServer.start({ replicaOf: master, ...password }));
      }
      for (let index = 0; index < SENTINELS; index++) {
        const config = watched.#configuration(master, options);
        watched.watchers.push(await RedisServer.start({ args: ['--sentinel'], config }));
      }
      await watched.#waitWatching(replicas);
      return watched;
    } catch (error) {
      await watched.stop();
      throw error;
    }
  }

  /** Where a client finds the sentinels. */
  get sentinels(): readonly { readonly host: string; readonly port: number }[] {
    return this.watchers.map(({ host, port }) => ({ host, port }));
  }

  /** The server that every sentinel names as the master; waits until they agree. */
  async master(): Promise<RedisServer> {
    return await this.#agreedMaster(() => true);
  }

  /** `kill -9` of the present master. Resolves with it at once, while the sentinels have yet to notice. */
  async killMaster(): Promise<RedisServer> {
    const master = await this.master();
    await master.kill();
    return master;
  }

  /** Waits until another server than this is master, and every sentinel says so. At most 20 s. */
  async waitReplaced(old: RedisServer): Promise<RedisServer> {
    const heir = await this.#agreedMaster((server) => server !== old);
    await eventually(async () => String(await heir.exec('ROLE')).startsWith('master'), {
      what: 'the new master knows that it is one',
      timeoutMs: WAIT_MS,
    });
    return heir;
  }

  /** Kills the master, and waits for its heir. */
  async failOver(): Promise<RedisServer> {
    return await this.waitReplaced(await this.killMaster());
  }

  /** Ends all, sentinels first, so that they do not fail over meanwhile. */
  async stop(): Promise<void> {
    await Promise.all(this.watchers.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #agreedMaster(isWanted: (server: RedisServer) => boolean): Promise<RedisServer> {
    return await eventually(
      async () => {
        const ports = await Promise.all(this.watchers.map((sentinel) => this.#masterPort(sentinel)));
        const master = this.servers.find((server) => ports.every((port) => port === server.port));
        return master && isWanted(master) ? master : undefined;
      },
      { what: 'the sentinels agree on the master', timeoutMs: WAIT_MS },
    );
  }

  async #masterPort(sentinel: RedisServer): Promise<number> {
    const address = (await sentinel.exec('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name)) as [string, string];
    return Number(address[1]);
  }

  async #waitWatching(replicas: number): Promise<void> {
    const knowsAll = async (sentinel: RedisServer): Promise<boolean> => {
      const info = String(await sentinel.exec('INFO', 'sentinel'));
      return info.includes(`status=ok,`) && info.includes(`slaves=${replicas},sentinels=${SENTINELS}`);
    };
    const inStep = async (replica: RedisServer): Promise<boolean> =>
      String(await replica.exec('INFO', 'replication')).includes('master_link_status:up');
    await eventually(
      async () => {
        const all = await Promise.all([...this.watchers.map(knowsAll), ...this.servers.slice(1).map(inStep)]);
        return all.every(Boolean);
      },
      { what: 'every sentinel knows all others and all replicas', timeoutMs: WAIT_MS },
    );
  }

  #configuration(master: RedisServer, options: RedisSentinelOptions): string[] {
    const { downAfterMs = 500, failoverTimeoutMs = 2_000, password } = options;
    return [
      `sentinel monitor ${this.name} ${master.host} ${master.port} ${QUORUM}`,
      `sentinel down-after-milliseconds ${this.name} ${downAfterMs}`,
      `sentinel failover-timeout ${this.name} ${failoverTimeoutMs}`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${this.name} ${password}`]),
    ];
  }
}
