import { Cluster, Redis } from 'ioredis';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { RedisCluster } from '../support/redis-cluster.js';
import { RedisSentinel } from '../support/redis-sentinel.js';
import { RedisServer, type RedisServerOptions } from '../support/redis-server.js';
import { TcpProxy, type ProxyMode } from '../support/tcp-proxy.js';
import type { Fault, Scene } from './fault.js';

type Act = (server: RedisServer) => unknown;

/** What befalls a server. */
const onServer =
  (break_: Act, mend: Act, options: RedisServerOptions = {}) =>
  async (): Promise<Scene> => {
    const server = await RedisServer.start(options);
    return {
      connection: () => ({ url: server.url }),
      break: async () => break_(server),
      mend: async () => mend(server),
      [Symbol.asyncDispose]: () => server.stop(),
    };
  };

/** What befalls the way to a server. */
const onTheWay =
  (break_: (proxy: TcpProxy) => unknown, mend: (proxy: TcpProxy) => unknown) => async (): Promise<Scene> => {
    const server = await RedisServer.start();
    const proxy = await TcpProxy.start({ target: server });
    return {
      connection: () => ({ url: proxy.url }),
      break: async () => break_(proxy),
      mend: async () => mend(proxy),
      async [Symbol.asyncDispose]() {
        await proxy.stop();
        await server.stop();
      },
    };
  };

const proxyIn = (mode: ProxyMode) =>
  onTheWay(
    (proxy) => proxy.setMode(mode),
    (proxy) => proxy.setMode('pass'),
  );

const onConfig = (name: string, broken: string, well: string) =>
  onServer(
    (server) => server.exec('CONFIG', 'SET', name, broken),
    (server) => server.exec('CONFIG', 'SET', name, well),
  );

/** Cuts every client off but the fixture's own, so that they have to log in anew, and waits until they have tried. */
const demandPassword: Act = async (server) => {
  await server.exec('CONFIG', 'SET', 'requirepass', 'another');
  await server.exec('CLIENT', 'KILL', 'TYPE', 'normal');
  await eventually(async () => String(await server.exec('INFO', 'errorstats')).includes('NOAUTH'), {
    what: 'somebody was refused',
  });
};

/** A master that is told to follow a server which does not exist. */
const demote: Act = async (server) => server.exec('REPLICAOF', '127.0.0.1', await freePort());

/** Keys that load so slowly that the server is busy with them until it is told to hurry. */
const LOADING = {
  config: [
    'dbfilename dump.rdb',
    'enable-debug-command yes',
    'key-load-delay 2000',
    'loading-process-events-interval-bytes 1024',
  ],
};
const SLOW_KEYS = 20_000;

const loadSlowly: Act = async (server) => {
  await server.exec('DEBUG', 'POPULATE', SLOW_KEYS);
  await server.exec('SAVE');
  await server.kill();
  await server.restart({ waitFor: 'answering' });
};

const loadFast: Act = async (server) => {
  await server.exec('CONFIG', 'SET', 'key-load-delay', 0);
  await server.waitReady();
};

/** A script of somebody else that never ends. */
const runEndlessScript: Act = async (server) => {
  const other = new Redis(server.port, server.host, { retryStrategy: () => null });
  other.on('error', () => undefined);
  other
    .eval('while true do end', 0)
    .catch(() => undefined)
    .finally(() => other.disconnect());
  await eventually(
    async () => {
      try {
        return await server.exec('GET', 'x');
      } catch (error) {
        return String(error).includes('BUSY');
      }
    },
    { what: 'the server is busy' },
  );
};

/** Tells sentinels after how long a silence they fail over. */
async function setPatience(watched: RedisSentinel, milliseconds: number): Promise<void> {
  for (const { host, port } of watched.sentinels) {
    const client = new Redis(port, host);
    await client.call('SENTINEL', 'SET', watched.name, 'down-after-milliseconds', milliseconds);
    client.disconnect();
  }
}

async function sentinels(): Promise<Scene> {
  const watched = await RedisSentinel.start();
  await setPatience(watched, 60_000);
  let dead: RedisServer | undefined;
  let deadMs = 0;
  return {
    connection: () => ({ connection: { sentinels: [...watched.sentinels], name: watched.name } }),
    break: async () => {
      dead = await watched.killMaster();
      deadMs = performance.now();
    },
    mend: async () => {
      // They fail over at once. With less patience than that, a replica that lost its master long ago is no heir to them.
      await setPatience(watched, Math.max(500, Math.ceil(performance.now() - deadMs)));
      await watched.waitReplaced(dead!);
    },
    [Symbol.asyncDispose]: () => watched.stop(),
  };
}

async function cluster(): Promise<Scene> {
  const nodes = await RedisCluster.start();
  const clients: Cluster[] = [];
  return {
    connection: () => {
      const client = new Cluster([...nodes.startupNodes]);
      client.on('error', () => undefined);
      clients.push(client);
      return { client };
    },
    break: async () => {
      await nodes.killMaster(0);
      await nodes.waitDown();
    },
    mend: async () => {
      await nodes.masters[0]!.restart();
      await nodes.waitOk();
    },
    async [Symbol.asyncDispose]() {
      clients.forEach((client) => client.disconnect());
      await nodes.stop();
    },
  };
}

/** The way is as long as it was for what is on it already, and for all that comes behind. */
async function hurry(proxy: TcpProxy): Promise<void> {
  proxy.latencyMs = 0;
  await eventually(() => proxy.bytesUnderWay === 0, { what: 'late bytes have arrived' });
}

const kill: Act = (server) => server.kill();
const restart: Act = (server) => server.restart();

const GONE = /ECONNREFUSED|ECONNRESET|EPIPE|RedisDisconnectedError/;
const LATE = /DEADLINE_EXCEEDED/;

/** Everything that befalls a single server, or the way to it. */
export const SERVER_FAULTS: readonly Fault[] = [
  { name: 'Redis crashes (`kill -9`)', reason: GONE, keepsCounters: false, start: onServer(kill, restart) },
  {
    name: 'Redis freezes (`SIGSTOP`)',
    reason: LATE,
    start: onServer(
      (server) => server.freeze(),
      (server) => server.thaw(),
    ),
  },
  {
    name: 'Redis is down when the application starts',
    reason: GONE,
    fromTheStart: true,
    start: onServer(kill, restart),
  },
  { name: 'connections are reset', reason: GONE, start: proxyIn('reset') },
  { name: 'the network loses every packet', reason: LATE, start: proxyIn('blackhole') },
  {
    name: 'the network takes 1 s each way',
    reason: LATE,
    start: onTheWay((proxy) => (proxy.latencyMs = 1_000), hurry),
  },
  {
    name: 'the password is wrong (`NOAUTH`)',
    // Who has not tried yet only knows that the connection is gone.
    reason: /NOAUTH|RedisDisconnectedError/,
    start: onServer(demandPassword, (server) => server.exec('CONFIG', 'SET', 'requirepass', '')),
  },
  { name: 'memory is full (`OOM`, `noeviction`)', reason: /OOM/, start: onConfig('maxmemory', '1', '0') },
  {
    name: 'the server is a replica now (`READONLY`)',
    reason: /READONLY/,
    start: onServer(demote, (server) => server.exec('REPLICAOF', 'NO', 'ONE')),
  },
  {
    name: 'the server lost its master (`MASTERDOWN`)',
    reason: /MASTERDOWN/,
    start: onServer(demote, (server) => server.exec('REPLICAOF', 'NO', 'ONE'), {
      config: ['replica-serve-stale-data no'],
    }),
  },
  { name: 'Redis loads its data (`LOADING`)', reason: /LOADING/, start: onServer(loadSlowly, loadFast, LOADING) },
  {
    name: "somebody's script never ends (`BUSY`), until `SCRIPT KILL`",
    reason: /BUSY/,
    start: onServer(runEndlessScript, (server) => server.exec('SCRIPT', 'KILL'), {
      config: ['busy-reply-threshold 50'],
    }),
  },
];

/** What befalls servers that stand together. */
export const TOPOLOGY_FAULTS: readonly Fault[] = [
  { name: 'Sentinel fails over', reason: GONE, keepsCounters: false, start: sentinels },
  {
    name: 'a Cluster loses one of its masters (`CLUSTERDOWN`)',
    // ioredis tries again for as long as it may, so that the deadline passes first.
    reason: /CLUSTERDOWN|DEADLINE_EXCEEDED/,
    keepsCounters: false,
    start: cluster,
  },
];
