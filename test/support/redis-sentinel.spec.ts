import { Redis } from 'ioredis';
import { RedisSentinel } from './redis-sentinel.js';

describe('RedisSentinel', () => {
  it('leads a client to the master, and to its heir after a failover', async () => {
    await using watched = await RedisSentinel.start();
    const first = await watched.master();
    const client = new Redis({ sentinels: [...watched.sentinels], name: watched.name });
    client.on('error', () => undefined);
    try {
      await client.set('key', 'value');
      await client.wait(1, 2_000);
      expect(await first.exec('GET', 'key')).toBe('value');

      const heir = await watched.failOver();
      expect(heir).not.toBe(first);
      expect(await watched.master()).toBe(heir);
      expect(await client.get('key')).toBe('value');
      expect(await client.set('key', 'other')).toBe('OK');
      expect(await heir.exec('GET', 'key')).toBe('other');
    } finally {
      client.disconnect();
    }
  });

  it('keeps a password, and takes a frozen master for lost', async () => {
    await using watched = await RedisSentinel.start({ password: 'secret', replicas: 2 });
    const first = await watched.master();
    first.freeze();
    const heir = await watched.waitReplaced(first);
    expect(watched.servers.slice(1)).toContain(heir);
    expect(await heir.exec('SET', 'key', 'value')).toBe('OK');
  });
});
