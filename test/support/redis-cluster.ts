import { eventually } from './eventually.js';
import { RedisServer } from './redis-server.js';

const SLOTS = 16_384;
const MASTERS = 3;

export interface RedisClusterOptions {
  /** Replicas of each master. Default 0. */
  readonly replicas?: number;
  /** Time after which a silent node counts as failed, in ms. Default 1,000. */
  readonly nodeTimeoutMs?: number;
  /** Whether the cluster refuses everything while a slot has no master. Default true, as in Redis. */
  readonly requireFullCoverage?: boolean;
}

export interface RedisClusterNode {
  readonly host: string;
  readonly port: number;
}

/**
 * A real Redis Cluster of three masters on 127.0.0.1, each with a third of the slots. It takes a good 2 s to form: for
 * so long a node of Redis waits before it serves.
 *
 * @example
 * await using cluster = await RedisCluster.start({ replicas: 1 });
 * const client = new Cluster([...cluster.startupNodes]);
 */
export class RedisCluster implements AsyncDisposable {
  private constructor(
    /** The three nodes that began as masters. */
    readonly masters: readonly RedisServer[],
    /** The nodes that began as replicas: the first of each master, the second of each, and so on. */
    readonly replicas: readonly RedisServer[],
  ) {}

  /** Starts a cluster and waits until every node serves every slot. */
  static async start(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const { replicas = 0 } = options;
    const nodes = await startAll(MASTERS * (1 + replicas), options);
    const cluster = new RedisCluster(nodes.slice(0, MASTERS), nodes.slice(MASTERS));
    try {
      await cluster.#form();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Masters, then replicas. */
  get nodes(): readonly RedisServer[] {
    return [...this.masters, ...this.replicas];
  }

  /** What a client needs to find the others: the addresses of all. */
  get startupNodes(): readonly RedisClusterNode[] {
    return this.nodes.map(({ host, port }) => ({ host, port }));
  }

  /** The node that began as the master of a key's slot. */
  async masterOf(key: string): Promise<RedisServer> {
    const slot = Number(await this.masters[0]!.exec('CLUSTER', 'KEYSLOT', key));
    return this.masters.find((_, index) => slot <= slotsOf(index).last)!;
  }

  /** `kill -9` of a master, by its index. Its slots stay unserved until a replica, if it has one, takes over. */
  async killMaster(index: number): Promise<void> {
    await this.masters[index]!.kill();
  }

  /** Waits until every node that runs says that the cluster is well: after a failover, or a restart. At most 15 s. */
  async waitOk(): Promise<void> {
    await this.#waitForState('ok');
  }

  /** Waits until every node that runs has noticed that the cluster is not. At most 15 s. */
  async waitDown(): Promise<void> {
    await this.#waitForState('fail');
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #form(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node, index) => {
        await node.exec('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
        for (const other of this.nodes) await node.exec('CLUSTER', 'MEET', other.host, other.port);
      }),
    );
    await Promise.all(
      this.masters.map((master, index) => {
        const { first, last } = slotsOf(index);
        return master.exec('CLUSTER', 'ADDSLOTSRANGE', first, last);
      }),
    );
    await Promise.all(this.replicas.map((replica, index) => replicate(replica, this.masters[index % MASTERS]!)));
    await this.#waitForState('ok');
  }

  async #waitForState(state: 'ok' | 'fail'): Promise<void> {
    const running = this.nodes.filter((node) => node.running);
    const inState = async (node: RedisServer): Promise<boolean> => {
      const info = String(await node.exec('CLUSTER', 'INFO'));
      return info.includes(`cluster_state:${state}`) && info.includes(`cluster_known_nodes:${this.nodes.length}`);
    };
    await eventually(async () => (await Promise.all(running.map(inState))).every(Boolean), {
      what: `the cluster is ${state}`,
      timeoutMs: 15_000,
    });
  }
}

async function startAll(count: number, options: RedisClusterOptions): Promise<RedisServer[]> {
  const { nodeTimeoutMs = 1_000, requireFullCoverage = true } = options;
  const config = [
    'cluster-enabled yes',
    'cluster-config-file nodes.conf',
    `cluster-node-timeout ${nodeTimeoutMs}`,
    `cluster-require-full-coverage ${requireFullCoverage ? 'yes' : 'no'}`,
  ];
  const starts = await Promise.allSettled(Array.from({ length: count }, () => RedisServer.start({ config })));
  const nodes = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    await Promise.all(nodes.map((node) => node.stop()));
    throw failed.reason;
  }
  return nodes;
}

/** A node replicates only a master that it has heard of. */
async function replicate(replica: RedisServer, master: RedisServer): Promise<void> {
  const masterId = String(await master.exec('CLUSTER', 'MYID'));
  await eventually(async () => (await replica.exec('CLUSTER', 'REPLICATE', masterId)) === 'OK', {
    what: 'a replica knows its master',
  });
  await eventually(async () => /master_link_status:up/.test(String(await replica.exec('INFO', 'replication'))), {
    what: 'a replica is in step with its master',
    timeoutMs: 10_000,
  });
}

function slotsOf(master: number): { readonly first: number; readonly last: number } {
  const edge = (index: number): number => Math.floor((SLOTS * index) / MASTERS);
  return { first: edge(master), last: edge(master + 1) - 1 };
}
