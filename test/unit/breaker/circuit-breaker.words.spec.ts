import { CircuitBreaker } from '../../../lib/breaker/circuit-breaker.decorator.js';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { thrownBy } from '../policies/thrown.js';

const key = (): string => 'a';

describe('what @CircuitBreaker says of', () => {
  it.each([
    [{ name: '' }, '@CircuitBreaker name', '', 'Give a name, or leave it out.'],
    ['', '@CircuitBreaker name', '', 'Give a name, or leave it out.'],
    [{ key: 'host' as never }, '@CircuitBreaker key', 'host', 'Give a function of the arguments.'],
    [{ maxBreakers: 5 }, '@CircuitBreaker maxBreakers', 5, 'Give a key too, or leave it out.'],
    [{ key, maxBreakers: 0 }, '@CircuitBreaker maxBreakers', 0, 'Give a whole number of at least 1.'],
    [{ key, maxBreakers: 1.5 }, '@CircuitBreaker maxBreakers', 1.5, 'Give a whole number of at least 1.'],
    [{ jitter: 2 }, 'circuitBreaker.jitter', 2, 'Give a number from 0 to 1.'],
  ])('%j', (options, option, received, mend) => {
    expect(thrownBy(() => CircuitBreaker(options))).toMatchObject({ option, received, mend });
  });

  it('the least number of breakers with a key: nothing', () => {
    expect(CircuitBreaker({ key, maxBreakers: 1 })).toBeInstanceOf(Function);
  });

  it.each([
    ['no descriptor', undefined, undefined],
    ['a value', { value: 5 }, 5],
    ['a getter', { get: () => 5 }, undefined],
  ])('what is no method: %s', (_what, descriptor, received) => {
    const decorate = CircuitBreaker() as (target: object, key: PropertyKey, descriptor?: PropertyDescriptor) => void;
    const mend = 'Put it on a method.';
    const option = "@CircuitBreaker on 'ask'";
    expect(thrownBy(() => decorate({}, 'ask', descriptor))).toMatchObject({ option, received, mend });
    expect(thrownBy(() => decorate({}, Symbol('ask'), descriptor))).toMatchObject({
      option: "@CircuitBreaker on 'Symbol(ask)'",
    });
  });

  it('a fallback that does not exist, when the registry comes or at the first call', async () => {
    class Partner {
      readonly spare = 5;
      @CircuitBreaker({ fallback: 'spare' })
      ask(): string {
        return 'answer';
      }
      @CircuitBreaker({ fallback: 'nothing' })
      async later(): Promise<string> {
        return 'answer';
      }
    }
    const mend = 'Give a function, or the name of a method of this class.';
    const option = '@CircuitBreaker fallback';
    expect(thrownBy(() => new Partner().ask())).toMatchObject({ option, received: 'spare', mend });
    await expect(new Partner().later()).rejects.toMatchObject({ option, received: 'nothing', mend });
  });

  it('a key that is no text', () => {
    class Partner {
      @CircuitBreaker({ key: () => 5 as unknown as string })
      ask(): string {
        return 'answer';
      }
    }
    expect(thrownBy(() => new Partner().ask())).toMatchObject({
      option: "@CircuitBreaker key of 'Partner.ask'",
      received: 5,
      mend: 'Answer a string, such as new URL(url).host.',
    });
  });
});

/** Decorated anew for each test. */
function partnerClass() {
  class Partner {
    @CircuitBreaker()
    ask(): string {
      return 'answer';
    }
    @CircuitBreaker()
    static all(): string {
      return this.name;
    }
  }
  return Partner;
}

describe('the registry that an instance is given', () => {
  it('comes by setters that do not show, one for each token', () => {
    const Partner = partnerClass();
    const setters = Object.getOwnPropertySymbols(Partner.prototype);
    expect(setters.map(String)).toEqual(['Symbol(registry Partner.ask)', 'Symbol(registry Partner.ask)']);
    for (const setter of setters) {
      const registry = new CircuitBreakerRegistry();
      const partner = new Partner();
      Reflect.set(partner, setter, undefined);
      Reflect.set(partner, setter, registry);
      partner.ask();
      expect(registry.get('Partner.ask')).toBeDefined();
      expect(Object.getOwnPropertySymbols(partner).map(String)).toEqual(['Symbol(breaker Partner.ask)']);
      expect(Reflect.ownKeys({ ...partner })).toEqual([]);
    }
  });

  it('may be another one later', () => {
    const Partner = partnerClass();
    const [setter] = Object.getOwnPropertySymbols(Partner.prototype);
    const partner = new Partner();
    for (const registry of [new CircuitBreakerRegistry(), new CircuitBreakerRegistry()]) {
      Reflect.set(partner, setter as symbol, registry);
      expect(partner.ask()).toBe('answer');
      registry.get('Partner.ask')?.forceOpen();
      expect(thrownBy(() => partner.ask())).toMatchObject({ code: 'CIRCUIT_OPEN', breaker: 'Partner.ask' });
    }
  });

  it('is none for a static method, whose breaker belongs to its class', () => {
    const Partner = partnerClass();
    expect(Partner.all()).toBe('Partner');
    expect(Object.getOwnPropertySymbols(Partner).map(String)).toEqual(['Symbol(breaker Partner.all)']);
  });

  it.each([undefined, null])('is none for a method whose this is %s', (nobody) => {
    const { ask } = partnerClass().prototype;
    expect(ask.call(nobody as never)).toBe('answer');
  });
});
