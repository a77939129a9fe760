// The stores in memory that people use now, by name: each makes, for its limits, a function that promises to decide on a key.
import { MemoryStore } from 'express-rate-limit';
import { RateLimiterMemory, RateLimiterUnion } from 'rate-limiter-flexible';

/** @param windowMs length of the window of all limits */
export const memoryPeers = (windowMs) => ({
  'rate-limiter-flexible': (limits) => {
    const limiters = limits.map(
      (points, index) => new RateLimiterMemory({ keyPrefix: `l${index}`, points, duration: windowMs / 1000 }),
    );
    const limiter = limiters.length === 1 ? limiters[0] : new RateLimiterUnion(...limiters);
    const refused = () => false;
    return (key) => limiter.consume(key, 1).catch(refused);
  },
  'express-rate-limit': (limits) => {
    const stores = limits.map((limit) => {
      const store = new MemoryStore();
      store.init({ windowMs: windowMs });
      return { store, limit };
    });
    if (stores.length === 1) return (key) => stores[0].store.increment(key);
    return async (key) => {
      let allowed = true;
      for (const { store, limit } of stores) if ((await store.increment(key)).totalHits > limit) allowed = false;
      return allowed;
    };
  },
});
