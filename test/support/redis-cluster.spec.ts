import { Cluster } from 'ioredis';
import { eventually } from './eventually.js';
import { RedisCluster } from './redis-cluster.js';

const clients: Cluster[] = [];
afterEach(() => clients.splice(0).forEach((client) => client.disconnect()));

function clientOf(cluster: RedisCluster): Cluster {
  const client = new Cluster([...cluster.startupNodes], { slotsRefreshTimeout: 2_000 });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

describe('RedisCluster', () => {
  it('serves every slot, from three masters', async () => {
    await using cluster = await RedisCluster.start();
    const client = clientOf(cluster);
    const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`);
    await Promise.all(keys.map((key) => client.set(key, key)));
    expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);

    const sizes = await Promise.all(cluster.masters.map((master) => master.dbsize()));
    expect(sizes.reduce((sum, size) => sum + size)).toBe(60);
    expect(Math.min(...sizes)).toBeGreaterThan(0);
    for (const key of keys) expect(await (await cluster.masterOf(key)).exec('GET', key)).toBe(key);
  });

  it('is down while a master is gone, and well again once it is back', async () => {
    await using cluster = await RedisCluster.start();
    await cluster.killMaster(1);
    await cluster.waitDown();
    await expect(cluster.masters[0]!.exec('GET', 'key')).rejects.toThrow('CLUSTERDOWN');

    await cluster.masters[1]!.restart();
    await cluster.waitOk();
  });

  it('can go on serving the slots that have a master', async () => {
    await using cluster = await RedisCluster.start({ requireFullCoverage: false });
    const survivor = await cluster.masterOf('key');
    await cluster.killMaster((cluster.masters.indexOf(survivor) + 1) % 3);
    await eventually(async () => / master,fail /.test(String(await survivor.exec('CLUSTER', 'NODES'))));
    expect(await survivor.exec('SET', 'key', 'value')).toBe('OK');
  });

  it('fails over to a replica', async () => {
    await using cluster = await RedisCluster.start({ replicas: 1 });
    const client = clientOf(cluster);
    await client.set('key', 'value');
    const lost = cluster.masters.indexOf(await cluster.masterOf('key'));
    const heir = cluster.replicas[lost]!;
    await eventually(async () => (await heir.dbsize()) === 1);

    await cluster.killMaster(lost);
    await eventually(async () => String(await heir.exec('ROLE')).startsWith('master'), { timeoutMs: 15_000 });
    await cluster.waitOk();
    expect(await heir.exec('GET', 'key')).toBe('value');
    expect(await client.set('key', 'other')).toBe('OK');
  });
});
