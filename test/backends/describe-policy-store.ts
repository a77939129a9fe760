import { ConsoleLogger, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  BackendService,
  BackendUnavailableError,
  type PolicyChangeEvent,
  type PolicyDocument,
  RateLimitEvents,
  RateLimitModule,
  RateLimitPolicies,
} from 'nestjs-floodgate';
import type { PolicyStore } from 'nestjs-floodgate/redis';
import { eventually } from '../support/eventually.js';

/** A server in which policies are kept. */
export interface PolicyServer {
  /** A store of its own for each process. */
  store(): PolicyStore;
  freeze(): void;
  thaw(): void;
  /** Puts a document into it, by hand. */
  put(document: string): Promise<unknown>;
  clear(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Long enough for a machine that is busy: how soon a change arrives is not what is tested here. */
const WAIT = { timeoutMs: 20_000 };

/** The store tells of its outages in the log. */
class SilentLogger extends ConsoleLogger {
  override log(): void {
    // Nobody reads it here.
  }
  override warn(): void {
    // Nobody reads it here.
  }
}

const limitOf = (policies: RateLimitPolicies, policy: string): number | undefined =>
  policies.list().find(({ name }) => name === policy)?.limit;

/** What every store that processes share has to do. */
export function describePolicyStore(name: string, start: () => Promise<PolicyServer>): void {
  describe(`a policy store in ${name}`, () => {
    let server: PolicyServer;
    const started: INestApplicationContext[] = [];

    beforeAll(async () => {
      server = await start();
    });

    afterEach(async () => {
      await Promise.all(started.splice(0).map((app) => app.close()));
      await server.clear();
    });

    afterAll(() => server.stop());

    /** A process of the application, as far as policies go. */
    async function join(): Promise<{
      policies: RateLimitPolicies;
      service: BackendService;
      changes: PolicyChangeEvent[];
    }> {
      const app = await Test.createTestingModule({
        imports: [
          RateLimitModule.forRoot({
            policies: { api: '3/m', login: '5/m' },
            policyStore: server.store(),
          }),
        ],
      })
        .setLogger(new SilentLogger())
        .compile();
      await app.init();
      started.push(app);
      const changes: PolicyChangeEvent[] = [];
      app.get(RateLimitEvents).on((event) => {
        if (event.kind === 'policy-change') changes.push(event);
      });
      return { policies: app.get(RateLimitPolicies), service: app.get(BackendService), changes };
    }

    it('hands a change to every process, with who made it and why', async () => {
      const [one, other] = [await join(), await join()];
      await one.policies.set('api', '30/m', { by: 'ops', reason: 'launch' });
      expect(limitOf(one.policies, 'api')).toBe(30);
      await eventually(() => limitOf(other.policies, 'api') === 30, WAIT);
      expect(other.changes).toEqual([
        { kind: 'policy-change', change: 'set', policy: 'api', by: 'ops', reason: 'launch', at: expect.any(Number) },
      ]);
      await other.policies.override('api', 'user:bot-*', 'blocked');
      await eventually(async () => (await one.service.consume('user:bot-1', 'api')).kind === 'limited', WAIT);
    });

    it('keeps changes for processes that start later', async () => {
      const one = await join();
      await one.policies.set('login', '50/m');
      expect(limitOf((await join()).policies, 'login')).toBe(50);
    });

    it('loses no change that several processes make at once', async () => {
      const processes = await Promise.all([1, 2, 3, 4].map(join));
      await Promise.all(processes.map(({ policies }, index) => policies.override('api', `user:${index}`, '100/m')));
      await eventually(() => processes.every(({ policies }) => policies.overrides().length === 4), WAIT);
    });

    it('changes nothing while it is away, says so, and is used again when it is back', async () => {
      const one = await join();
      await one.policies.set('api', '30/m');
      server.freeze();
      await eventually(async () => (await one.service.health()).policyStore?.healthy === false, WAIT);
      expect(limitOf(one.policies, 'api')).toBe(30);
      await expect(one.policies.set('api', '40/m')).rejects.toBeInstanceOf(BackendUnavailableError);
      expect(limitOf(one.policies, 'api')).toBe(30);
      server.thaw();
      await eventually(async () => (await one.service.health()).policyStore?.healthy === true, WAIT);
      await one.policies.set('api', '50/m');
      expect(limitOf(one.policies, 'api')).toBe(50);
    });

    it('keeps what it knows when the store holds a document that is wrong', async () => {
      const one = await join();
      await one.policies.set('api', '30/m');
      const wrong: PolicyDocument = { policies: { api: 'many' }, overrides: [], shadow: false };
      await server.put(JSON.stringify(wrong));
      await eventually(async () => (await one.service.health()).policyStore?.healthy === false, WAIT);
      expect(limitOf(one.policies, 'api')).toBe(30);
    });
  });
}
