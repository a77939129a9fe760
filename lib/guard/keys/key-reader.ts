import { type ExecutionContext, Inject, Injectable, Logger, type Type } from '@nestjs/common';
import type { KeyFunction, KeyInput, KeyResolver } from '../../contracts/policy.js';
import { askAll, type MaybePromise, when, whenAll } from '../../contracts/maybe-promise.js';
import { type ValueKey, valueKey } from '../../policies/key-input.js';
import { RATE_LIMIT_SETTINGS, type RateLimitSettings } from '../../rate-limit.settings.js';
import { Injection, isResolverClass } from '../injection.js';
import type { Caller } from '../../transports/transport.js';
import { Transports } from '../../transports/transports.js';
import { RouteCatalog } from '../route-catalog.js';
import { canonicalAddress } from './ip-address.js';
import { addressKey, composedKey, groupAddressesBy, userKey, valueKeyOf } from './key-of.js';
import { defaultUserKey, identityText } from './user-key.js';

/** Reads the partition key of a call. */
export type KeyReader = (context: ExecutionContext) => MaybePromise<string>;

/** Turns what options say of keys, which is valid by now, into functions that read them. */
@Injectable()
export class KeyReaders {
  private readonly logger = new Logger('RateLimit');
  private readonly byText = new Map<string, KeyReader>();
  private readonly byObject = new WeakMap<object, KeyReader>();
  private readonly told = new Set<unknown>();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: Pick<RateLimitSettings, 'ipv6PrefixBits' | 'userKey'>,
    @Inject(Injection) private readonly injection: Injection,
    @Inject(Transports) private readonly transports: Pick<Transports, 'of' | 'callerOf'>,
    @Inject(RouteCatalog) private readonly routes: Pick<RouteCatalog, 'labelOf'>,
  ) {
    groupAddressesBy(settings.ipv6PrefixBits);
  }

  of(input: KeyInput): KeyReader {
    const known = typeof input === 'string' ? this.byText.get(input) : this.byObject.get(input);
    if (known !== undefined) return known;
    const reader = this.compile(input);
    if (typeof input === 'string') this.byText.set(input, reader);
    else this.byObject.set(input, reader);
    return reader;
  }

  /** The whole address of an HTTP request as a key, whatever network it is grouped by; `undefined` elsewhere. */
  addressOf(context: ExecutionContext): string | undefined {
    if (context.getType() !== 'http') return undefined;
    const address = this.transports.callerOf(context)?.ip;
    const canonical = typeof address === 'string' ? canonicalAddress(address, 128) : undefined;
    return canonical === undefined ? undefined : `ip:${canonical}`;
  }

  private compile(input: KeyInput): KeyReader {
    if (Array.isArray(input)) return this.composed(input as readonly KeyInput[]);
    if (typeof input === 'function') return this.custom(input as KeyFunction | Type<KeyResolver>);
    switch (input) {
      case 'ip':
        return (context) => this.ip(this.transports.callerOf(context), context);
      case 'user':
        return (context) => {
          const caller = this.transports.callerOf(context);
          return this.user(caller) ?? this.fallback(input, `the key 'user'`, caller, context);
        };
      case 'user-or-ip':
        return (context) => {
          const caller = this.transports.callerOf(context);
          return this.user(caller) ?? this.ip(caller, context);
        };
      case 'global':
        return () => 'global';
      default:
        return this.value(valueKey(input as string) as ValueKey);
    }
  }

  private value({ source, name }: ValueKey): KeyReader {
    const label = `${source}:${name}`;
    const made = (value: string): string | undefined =>
      source === 'ip-from' ? this.address(value) : valueKeyOf(label, value);
    return (context) => {
      const caller = this.transports.callerOf(context);
      const value = valueOf(caller, source, name);
      const key = value === undefined ? undefined : made(value);
      return key ?? this.fallback(label, `the key '${label}'`, caller, context);
    };
  }

  private custom(input: KeyFunction | Type<KeyResolver>): KeyReader {
    const ask: (context: ExecutionContext) => MaybePromise<unknown> = isResolverClass(input)
      ? (context) => when(this.injection.instanceOf(input, context), (resolver) => resolver.resolve(context))
      : input;
    const kind = isResolverClass(input) ? 'class' : 'function';
    return (context) =>
      when(ask(context), (answer) => {
        if (typeof answer === 'string' && answer !== '') return answer;
        if (answer !== '' && answer != null) throw notAKey(input, answer);
        const what = `the key of the ${kind} '${input.name || 'without a name'}'`;
        return this.fallback(input, what, this.transports.callerOf(context), context);
      });
  }

  private composed(inputs: readonly KeyInput[]): KeyReader {
    const readers = inputs.map((input) => this.of(input));
    return (context) =>
      whenAll(
        askAll(readers, (read) => read(context)),
        composedKey,
      );
  }

  private user(caller: Caller | undefined): string | undefined {
    const user = caller?.user;
    if (user == null) return undefined;
    const id = this.settings.userKey === undefined ? defaultUserKey(user) : identityText(this.settings.userKey(user));
    return id === undefined ? undefined : userKey(id);
  }

  private address(text: string): string | undefined {
    const canonical = canonicalAddress(text, this.settings.ipv6PrefixBits);
    return canonical === undefined ? undefined : addressKey(canonical);
  }

  /** Without an address the key is the handler: calls of one handler must not use up what others may. */
  private ip(caller: Caller | undefined, context: ExecutionContext): string {
    const key = typeof caller?.ip === 'string' ? this.address(caller.ip) : undefined;
    if (key !== undefined) return key;
    const handler = this.routes.labelOf({ type: context.getClass(), handler: context.getHandler() });
    this.once(
      `ip:${handler}`,
      `Calls of ${handler} have no ip address: they share one key. Give the policy another key.`,
    );
    return `handler:${handler}`;
  }

  /** Calls without a value must not share one key: each uses its own IP address. */
  private fallback(input: unknown, what: string, caller: Caller | undefined, context: ExecutionContext): string {
    this.once(input, `A call lacks ${what}: such calls are limited by ip instead.`);
    return this.ip(caller, context);
  }

  private once(cause: unknown, message: string): void {
    if (this.told.has(cause)) return;
    this.told.add(cause);
    this.logger.warn(message);
  }
}

/** A value of a request as a text; `undefined` if there is none that is the caller's to give. */
function valueOf(caller: Caller | undefined, source: ValueKey['source'], name: string): string | undefined {
  if (source === 'body') {
    // A body is JSON, with values of any kind; a list of texts would make as many keys of one account as one likes.
    const value = ownValue(caller?.body, name);
    return typeof value === 'string' || typeof value === 'number' ? identityText(value) : undefined;
  }
  const values = {
    header: caller?.headers,
    'ip-from': caller?.headers,
    query: caller?.query,
    param: caller?.params,
  };
  const texts = [ownValue(values[source], name)].flat().filter((one) => typeof one === 'string' && one !== '');
  return texts.length > 0 ? texts.join(',') : undefined;
}

/** What an object has by itself under a name: what it inherits is nothing that a caller sent. */
function ownValue(values: unknown, name: string): unknown {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return undefined;
  return Object.hasOwn(values, name) ? (values as Readonly<Record<string, unknown>>)[name] : undefined;
}

function notAKey({ name }: { name: string }, answer: unknown): TypeError {
  const found = Array.isArray(answer) ? 'an array' : `a value of type ${typeof answer}`;
  return new TypeError(`Key ${name || 'function'} returned ${found}: return a string, or undefined for the address.`);
}
