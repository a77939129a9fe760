import { Breaker } from '../../../lib/breaker/breaker.js';
import { CircuitBreakerRegistry } from '../../../lib/breaker/breaker.registry.js';
import { RateLimitConfigurationError } from '../../../lib/contracts/errors.js';
const fail = async () => {
    throw new Error('down');
};
describe('the registry of circuit breakers', () => {
    let registry;
    beforeEach(() => {
        registry = new CircuitBreakerRegistry();
    });
    it('finds a breaker by its name, and nothing by another', () => {
        const breaker = registry.getOrCreate('mail');
        expect(registry.get('mail')).toBe(breaker);
        expect(registry.get('post')).toBeUndefined();
    });
    it('tells the status of every breaker by name, whatever the name is', () => {
        registry.getOrCreate('mail');
        registry.getOrCreate('__proto__');
        const status = registry.getAllStatus();
        expect(Object.keys(status)).toEqual(['mail', '__proto__']);
        expect(status['mail']).toMatchObject({ name: 'mail', state: 'closed', mode: 'auto' });
    });
    it('resets all breakers', async () => {
        const breaker = registry.getOrCreate('mail', { failureThreshold: 1 });
        await expect(breaker.execute(fail)).rejects.toThrow('down');
        expect(breaker.status().state).toBe('open');
        registry.resetAll();
        expect(breaker.status().state).toBe('closed');
    });
    it('shares one breaker among all who give its name on purpose', () => {
        const one = registry.getOrCreate('mail', { failureThreshold: 3 });
        expect(registry.getOrCreate('mail')).toBe(one);
        expect(registry.getOrCreate('mail', { failureThreshold: 3 })).toBe(one);
    });
    it('refuses a second definition of a name with other options', () => {
        registry.getOrCreate('mail', { failureThreshold: 3 });
        expect(() => registry.getOrCreate('mail', { failureThreshold: 4 })).toThrow(RateLimitConfigurationError);
        expect(() => registry.getOrCreate('mail', { failureThreshold: 4 })).toThrow(/circuitBreaker 'mail'.*only the name/);
    });
    it('takes the options of a definition that comes after the bare name', () => {
        const breaker = registry.getOrCreate('mail');
        expect(registry.getOrCreate('mail', { failureThreshold: 4 })).toBe(breaker);
        expect(breaker.status().failureThreshold).toBe(4);
    });
    it('gives another class of the same name a breaker of its own', () => {
        const [one, other] = [{}, {}];
        const first = registry.getOrCreateFor(one, 'Cats.find');
        const second = registry.getOrCreateFor(other, 'Cats.find');
        expect(second).not.toBe(first);
        expect([first.name, second.name]).toEqual(['Cats.find', 'Cats.find#2']);
        expect(registry.getOrCreateFor(other, 'Cats.find')).toBe(second);
    });
    it('configures a breaker and keeps its state', async () => {
        const breaker = registry.getOrCreate('mail', { failureThreshold: 1 });
        await expect(breaker.execute(fail)).rejects.toThrow('down');
        registry.configure('mail', { failureThreshold: 7 });
        expect(breaker.status()).toMatchObject({ state: 'open', failureThreshold: 7 });
    });
    it('keeps what configure said for a breaker that is made, or defined, later', () => {
        registry.configure('mail', { failureThreshold: 7 });
        registry.configure('mail', { successThreshold: 2 });
        expect(registry.getOrCreate('mail').status().failureThreshold).toBe(7);
        registry.getOrCreate('mail', { failureThreshold: 3 });
        expect(registry.get('mail')?.status().failureThreshold).toBe(7);
        expect(() => registry.getOrCreate('mail', { failureThreshold: 3 })).not.toThrow();
    });
    it('refuses a wrong option at once, for a breaker to come too', () => {
        expect(() => registry.configure('mail', { jitter: 2 })).toThrow(/circuitBreaker.jitter: received 2/);
    });
    it('lists a breaker that was made elsewhere, and refuses a name that is taken', () => {
        const breaker = new Breaker({ name: 'backend:redis' });
        registry.adopt('backend:redis', breaker);
        expect(registry.get('backend:redis')).toBe(breaker);
        expect(() => registry.adopt('backend:redis', new Breaker())).toThrow(RateLimitConfigurationError);
    });
    it('tells of the transitions of breakers present and future, until told to stop', () => {
        const heard = [];
        const present = registry.getOrCreate('present');
        const stop = registry.onTransition((transition) => heard.push(transition));
        present.forceOpen();
        const future = registry.adopt('future', new Breaker({ name: 'future' }));
        future.forceOpen();
        stop();
        future.reset();
        expect(heard).toEqual([
            { breaker: 'present', from: 'closed', to: 'open', reason: 'forced' },
            { breaker: 'future', from: 'closed', to: 'open', reason: 'forced' },
        ]);
    });
});
