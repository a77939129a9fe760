import { filePolicyStore, memoryBackend, type RateLimitModuleOptions } from 'nestjs-floodgate';
import { settingsOf } from '../../lib/rate-limit.validation.js';
import { thrownBy } from './policies/thrown.js';

describe('the options of the module', () => {
  it('have defaults', () => {
    const { backend, ...settings } = settingsOf({});
    expect(backend.name).toBe('memory');
    expect(settings).toEqual({
      policies: {},
      apply: [],
      connect: undefined,
      transports: [],
      policyStore: undefined,
      lists: {},
      key: 'ip',
      failureMode: 'closed',
      localShare: 1,
      timeoutMs: 250,
      circuitBreaker: {},
      headers: 'standard',
      problemDetails: false,
      ipv6PrefixBits: 64,
      userKey: undefined,
      hashKeys: false,
      skipIf: undefined,
      enabled: true,
      bindGuard: true,
      bindFilter: true,
    });
  });

  it('are taken as they are given', () => {
    const backend = memoryBackend();
    const skipIf = (): boolean => false;
    const options: RateLimitModuleOptions = {
      backend,
      policies: { api: '5/m' },
      apply: ['api'],
      connect: 'api',
      transports: [{ name: 'bot', owns: (): boolean => false }],
      policyStore: filePolicyStore({ path: 'limits.json' }),
      lists: { deny: ['ip:198.51.100.0/24'] },
      key: 'user',
      failureMode: 'open',
      localShare: 0.5,
      timeout: '1s',
      circuitBreaker: false,
      headers: false,
      problemDetails: true,
      ipv6PrefixBits: 48,
      userKey: String,
      hashKeys: { secret: 'a long random text' },
      skipIf,
      enabled: false,
      isGlobal: false,
      bindGuard: false,
      bindFilter: false,
    };
    const { timeout: _timeout, isGlobal: _isGlobal, ...same } = options;
    expect(settingsOf(options)).toEqual({ ...same, timeoutMs: 1_000 });
    expect(settingsOf(options).backend).toBe(backend);
  });

  it.each<[string, unknown, string]>([
    ['policyStore', {}, 'Give filePolicyStore('],
    ['lists', [], 'Give lists of keys'],
    ['backend', {}, 'Give memoryBackend()'],
    ['backend', 'redis', 'Give memoryBackend()'],
    ['backend', { ...memoryBackend(), ping: undefined }, 'Give memoryBackend()'],
    ['policies', 'login', 'Give an object of names'],
    ['policies', ['5/m'], 'Give an object of names'],
    ['apply', 'login', 'Give an array'],
    ['key', 'nobody', "Give 'ip'"],
    ['failureMode', 'ajar', "'closed', 'open', 'local'"],
    ['localShare', 0, 'above 0 and at most 1'],
    ['localShare', 1.1, 'above 0 and at most 1'],
    ['localShare', Number.NaN, 'above 0 and at most 1'],
    ['localShare', '1', 'above 0 and at most 1'],
    ['timeout', 0, 'Give a whole number of milliseconds'],
    ['timeout', 'soon', 'Give a whole number of milliseconds'],
    ['timeout', '25d', '24 days'],
    ['circuitBreaker', true, 'Give an object with options'],
    ['circuitBreaker', [], 'Give an object with options'],
    ['headers', true, "'standard', 'legacy', 'both'"],
    ['headers', 'none', "'standard', 'legacy', 'both'"],
    ['problemDetails', 'yes', 'Give true or false'],
    ['ipv6PrefixBits', 0, 'from 1 to 128'],
    ['ipv6PrefixBits', 129, 'from 1 to 128'],
    ['ipv6PrefixBits', 63.5, 'from 1 to 128'],
    ['userKey', 'id', 'Give a function'],
    ['skipIf', true, 'Give a function'],
    ['enabled', 0, 'Give true or false'],
    ['bindGuard', 'no', 'Give true or false'],
    ['bindFilter', 1, 'Give true or false'],
    ['limit', 5, 'There is no such option'],
  ])('are refused at %s for %j', (option, value, mend) => {
    expect(thrownBy(() => settingsOf({ [option]: value }))).toMatchObject({
      code: 'RATE_LIMIT_CONFIGURATION',
      option,
      received: value,
      message: expect.stringContaining(mend),
    });
  });

  it.each([undefined, null, 'options', []])('are no %p', (options) => {
    expect(() => settingsOf(options as unknown as object)).toThrow('options: received');
  });
});
