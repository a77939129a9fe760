import { Breaker } from '../../../lib/breaker/breaker.js';
import { type BreakerCensus, CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import type { BreakerTransition } from '../../../lib/contracts/breaker.js';
import { thrownBy } from '../policies/thrown.js';

const OWN_NAME = 'Give every breaker a name of its own.';
const DEFINED_ELSEWHERE =
  'It is defined elsewhere with other options: give them once, and only the name in the other places.';

let registry: CircuitBreakerRegistry;
beforeEach(() => {
  registry = new CircuitBreakerRegistry();
});

describe('what the registry says of', () => {
  it('a name that is empty, or no name', () => {
    for (const name of ['', 5, undefined]) {
      expect(thrownBy(() => registry.create(name as string))).toMatchObject({
        option: 'circuitBreaker.name',
        received: name,
        mend: 'Give a name that is not empty.',
      });
    }
    expect(registry.getAllStatus()).toEqual({});
  });

  it('a name that is taken', () => {
    const taken = { option: 'circuitBreaker.name', received: 'mail', mend: OWN_NAME };
    registry.create('mail');
    expect(thrownBy(() => registry.create('mail'))).toMatchObject(taken);
    expect(thrownBy(() => registry.adopt('mail', new Breaker()))).toMatchObject(taken);
    registry.adopt('backend:redis', new Breaker());
    expect(() => registry.create('backend:redis')).toThrow(
      `circuitBreaker.name: received 'backend:redis'. ${OWN_NAME}`,
    );
    registry.getOrCreateFor({}, 'Cats.find');
    expect(() => registry.create('Cats.find')).toThrow(OWN_NAME);
  });

  it('other options for a name', () => {
    registry.getOrCreate('mail', { failureThreshold: 3 });
    expect(thrownBy(() => registry.getOrCreate('mail', { failureThreshold: 4 }))).toMatchObject({
      option: "circuitBreaker 'mail'",
      received: { failureThreshold: 4 },
      mend: DEFINED_ELSEWHERE,
    });
    registry.getOrCreateKeyed({ name: 'hosts', options: { failureThreshold: 3 } }, 5);
    expect(() => registry.getOrCreateKeyed({ name: 'hosts', options: { failureThreshold: 4 } }, 5)).toThrow(
      DEFINED_ELSEWHERE,
    );
  });
});

describe('the options of a breaker in the registry', () => {
  it('are its defaults, where none are given', () => {
    const defaults = { failureThreshold: 8, successThreshold: 3 };
    expect(registry.getOrCreate('mail', undefined, defaults).status().failureThreshold).toBe(8);
    expect(registry.getOrCreate('post', { failureThreshold: 2 }, defaults).status().failureThreshold).toBe(2);
    expect(registry.getOrCreateFor({}, 'Cats.find', undefined, defaults).status().failureThreshold).toBe(8);
  });

  it('that come after the bare name leave the defaults of the later user', () => {
    const breaker = registry.getOrCreate('mail');
    registry.getOrCreate('mail', { successThreshold: 2 }, { failureThreshold: 8 });
    expect(breaker.status().failureThreshold).toBe(8);
    registry.getOrCreate('mail', { successThreshold: 2 }, { failureThreshold: 9 });
    expect(breaker.status().failureThreshold).toBe(8);
  });

  it('of configure win over those of a definition that comes later', () => {
    const breaker = registry.getOrCreate('mail');
    registry.configure('mail', { failureThreshold: 7 });
    registry.getOrCreate('mail', { failureThreshold: 2 });
    expect(breaker.status().failureThreshold).toBe(7);
  });

  it('of configure add up', () => {
    registry.configure('mail', { failureThreshold: 7 });
    registry.configure('mail', { jitter: 0, recoveryTimeout: 5 });
    const breaker = registry.create('mail');
    expect(breaker.status().failureThreshold).toBe(7);
    for (let count = 0; count < 7; count += 1) breaker.tryAcquire()?.failure(new Error('down'));
    expect(breaker.snapshot()).toMatchObject({ state: 'open', retryAfterMs: expect.any(Number) as number });
    expect(breaker.status().retryAfterMs).toBeLessThanOrEqual(5);
  });
});

describe('the names of unnamed breakers', () => {
  it('count on for each owner', () => {
    const owners = [{}, {}, {}];
    const names = owners.map((owner) => registry.getOrCreateFor(owner, 'Cats.find').name);
    expect(names).toEqual(['Cats.find', 'Cats.find#2', 'Cats.find#3']);
    expect(owners.map((owner) => registry.getOrCreateFor(owner, 'Cats.find').name)).toEqual(names);
  });

  it('count on for methods with a key', () => {
    const [one, other] = [{}, {}];
    const name = 'Hosts.ask';
    const first = registry.getOrCreateKeyed({ name, owner: one }, 5);
    const second = registry.getOrCreateKeyed({ name, owner: other }, 5);
    expect([first.get('a').name, second.get('a').name]).toEqual(['Hosts.ask[a]', 'Hosts.ask#2[a]']);
    expect(registry.getOrCreateKeyed({ name, owner: one }, 9)).toBe(first);
    expect(first.max).toBe(5);
  });

  it('are not those of a name that was given, though it is the same', () => {
    registry.getOrCreateFor({}, 'Cats.find');
    expect(registry.getOrCreateKeyed({ name: 'Cats.find' }, 5).get('a').name).toBe('Cats.find[a]');
  });

  it('are no matter where the name was given: it is shared', () => {
    const shared = registry.getOrCreateKeyed({ name: 'hosts', defaults: { failureThreshold: 8 } }, 5);
    expect(registry.getOrCreateKeyed({ name: 'hosts' }, 5)).toBe(shared);
    expect(shared.get('a').status().failureThreshold).toBe(8);
  });
});

describe('the census of the registry', () => {
  it('hears of every breaker, now and later, and of each that is dropped', () => {
    const told: string[] = [];
    const census: BreakerCensus = {
      listed: ({ name }) => told.push(`+${name}`),
      dropped: ({ name }) => told.push(`-${name}`),
    };
    registry.create('now');
    registry.count(census);
    const keyed = registry.getOrCreateKeyed({ name: 'hosts' }, 1);
    keyed.get('a');
    keyed.get('b');
    expect(told).toEqual(['+now', '+hosts[a]', '-hosts[a]', '+hosts[b]']);
    registry.count(undefined);
    registry.create('unheard');
    keyed.get('c');
    expect(told).toHaveLength(4);
    expect(Object.keys(registry.getAllStatus())).toEqual(['now', 'unheard', 'hosts[c]']);
  });
});

describe('listeners of the registry', () => {
  it('given twice are heard twice, and each leaves by itself', () => {
    const heard: BreakerTransition[] = [];
    const listener = (transition: BreakerTransition): void => void heard.push(transition);
    const leave = registry.onTransition(listener);
    registry.onTransition(listener);
    const breaker = registry.create('mail');
    breaker.forceOpen();
    expect(heard).toHaveLength(2);
    leave();
    breaker.reset();
    expect(heard).toHaveLength(3);
  });
});
