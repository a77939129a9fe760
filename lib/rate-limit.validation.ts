import { memoryBackend } from './backends/memory/memory.backend.js';
import { RateLimitConfigurationError } from './contracts/errors.js';
import { MAX_TIMER_MS, parseDuration } from './policies/duration.js';
import type { RateLimitTransport } from './transports/transport.js';
import type { RateLimitModuleOptions } from './rate-limit.options.js';
import { toSettings } from './breaker/breaker.options.js';
import { AccessLists } from './policies/access-lists.js';
import { checkKeyInput } from './policies/key-input.js';
import { aBoolean, aFunction, anObject, oneOf, onlyKnown } from './policies/option-checks.js';
import type { RateLimitSettings } from './rate-limit.settings.js';

const OPTIONS: readonly (keyof RateLimitModuleOptions)[] = [
  'backend',
  'policies',
  'apply',
  'connect',
  'transports',
  'policyStore',
  'breakerState',
  'lists',
  'key',
  'failureMode',
  'localShare',
  'timeout',
  'circuitBreaker',
  'headers',
  'problemDetails',
  'ipv6PrefixBits',
  'userKey',
  'hashKeys',
  'skipIf',
  'enabled',
  'isGlobal',
  'bindGuard',
  'bindFilter',
];

const STORE_VERBS = ['read', 'change', 'close'] as const;

const STATE_VERBS = ['open', 'tell', 'claim', 'settle', 'close'] as const;

const VERBS = ['consume', 'peek', 'refund', 'reset', 'ping', 'close'] as const;

/**
 * Validates the module's options, once, at start-up. Policies are validated by the catalog that is made of them.
 *
 * @throws RateLimitConfigurationError naming the option, the value and the mend
 */
export function settingsOf(options: RateLimitModuleOptions): RateLimitSettings {
  anObject('options', options, "Give an object of options, such as { policies: { login: '5/15m' } }.");
  onlyKnown('', options, OPTIONS);
  const settings: RateLimitSettings = {
    backend: options.backend ?? memoryBackend(),
    policies: options.policies ?? {},
    apply: options.apply ?? [],
    connect: options.connect,
    transports: options.transports ?? [],
    policyStore: options.policyStore,
    breakerState: options.breakerState,
    lists: options.lists ?? {},
    key: options.key ?? 'ip',
    failureMode: options.failureMode ?? 'closed',
    localShare: options.localShare ?? 1,
    timeoutMs: parseDuration('timeout', options.timeout ?? 250, MAX_TIMER_MS),
    circuitBreaker: options.circuitBreaker ?? {},
    headers: options.headers ?? 'standard',
    problemDetails: options.problemDetails ?? false,
    ipv6PrefixBits: options.ipv6PrefixBits ?? 64,
    userKey: options.userKey as RateLimitSettings['userKey'],
    // Nothing but leaving it out turns it off: a secret that is missing must not.
    hashKeys: options.hashKeys === undefined ? false : options.hashKeys,
    skipIf: options.skipIf,
    enabled: options.enabled ?? true,
    bindGuard: options.bindGuard ?? true,
    bindFilter: options.bindFilter ?? true,
  };
  checkSettings(settings);
  return settings;
}

function checkSettings(settings: RateLimitSettings): void {
  const { backend, policies, apply, localShare, ipv6PrefixBits, headers } = settings;
  if (VERBS.some((verb) => typeof backend[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'backend',
      backend,
      'Give memoryBackend(), redisBackend({ url }) or another Backend.',
    );
  }
  anObject('policies', policies, "Give an object of names, such as { login: '5/15m' }.");
  if (!Array.isArray(apply)) {
    throw new RateLimitConfigurationError('apply', apply, "Give an array of policies' names, such as ['default'].");
  }
  const { connect, policyStore } = settings;
  if (connect !== undefined && typeof connect !== 'string') {
    throw new RateLimitConfigurationError('connect', connect, "Give the name of one policy, such as 'connections'.");
  }
  checkTransports(settings.transports);
  if (policyStore !== undefined && STORE_VERBS.some((verb) => typeof policyStore[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'policyStore',
      policyStore,
      'Give filePolicyStore({ path }), redisPolicyStore({ url }), postgresPolicyStore({ pool }) or another PolicyStore.',
    );
  }
  const { breakerState } = settings;
  if (breakerState !== undefined && STATE_VERBS.some((verb) => typeof breakerState[verb] !== 'function')) {
    throw new RateLimitConfigurationError(
      'breakerState',
      breakerState,
      'Give fileBreakerState({ path }), processBreakerState(), redisBreakerState({ url }), postgresBreakerState({ pool }) or another BreakerStateStore.',
    );
  }
  new AccessLists(settings.lists);
  checkKeyInput('key', settings.key);
  oneOf('failureMode', settings.failureMode, ['closed', 'open', 'local']);
  if (!(typeof localShare === 'number' && localShare > 0 && localShare <= 1)) {
    throw new RateLimitConfigurationError('localShare', localShare, 'Give a number above 0 and at most 1.');
  }
  if (settings.circuitBreaker !== false) toSettings(settings.circuitBreaker);
  if (headers !== false) oneOf('headers', headers, ['standard', 'legacy', 'both']);
  if (!Number.isInteger(ipv6PrefixBits) || ipv6PrefixBits < 1 || ipv6PrefixBits > 128) {
    throw new RateLimitConfigurationError('ipv6PrefixBits', ipv6PrefixBits, 'Give a whole number from 1 to 128.');
  }
  if (settings.userKey !== undefined) aFunction('userKey', settings.userKey);
  checkHashKeys(settings.hashKeys);
  if (settings.skipIf !== undefined) aFunction('skipIf', settings.skipIf);
  for (const option of ['problemDetails', 'enabled', 'bindGuard', 'bindFilter'] as const) {
    aBoolean(option, settings[option]);
  }
}

/** No error shows what was given: it is a secret, or was meant as one. */
function checkHashKeys(hashKeys: RateLimitSettings['hashKeys']): void {
  if (typeof hashKeys === 'boolean') return;
  const mend = "Give true, or { secret: 'a long random text' }.";
  if (typeof hashKeys !== 'object') throw new RateLimitConfigurationError('hashKeys', typeof hashKeys, mend);
  anObject('hashKeys', hashKeys, mend);
  onlyKnown('hashKeys', hashKeys, ['secret']);
  if (typeof hashKeys.secret === 'string' && hashKeys.secret !== '') return;
  const found = hashKeys.secret === '' ? 'an empty text' : typeof hashKeys.secret;
  throw new RateLimitConfigurationError('hashKeys.secret', found, 'Give a text that is not empty.');
}

function checkTransports(transports: readonly RateLimitTransport[]): void {
  const mend = "Give an array of objects with a name and owns(), such as { name: 'bot', owns: (call) => true }.";
  const isTransport = (one: unknown): boolean =>
    typeof one === 'object' &&
    one !== null &&
    typeof (one as Partial<RateLimitTransport>).name === 'string' &&
    typeof (one as Partial<RateLimitTransport>).owns === 'function';
  if (Array.isArray(transports) && transports.every(isTransport)) return;
  throw new RateLimitConfigurationError('transports', transports, mend);
}
