import { type ExecutionContext, Inject, Injectable, Logger, type Type } from '@nestjs/common';
import type { KeyFunction, KeyInput, KeyResolver } from '../../contracts/policy.js';
import { askAll, isPromise, type MaybePromise, when, whenAll } from '../../contracts/maybe-promise.js';
import { type ValueKey, valueKey } from '../../policies/key-input.js';
import { RATE_LIMIT_SETTINGS } from '../../rate-limit.options.js';
import { Injection, isResolverClass } from '../injection.js';
import { requestOf, type RequestLike } from '../../transports/request.js';
import { canonicalAddress } from './ip-address.js';

/** Reads the partition key of a call. */
export type KeyReader = (context: ExecutionContext) => MaybePromise<string>;

/** Turns what options say of keys, which is valid by now, into functions that read them. */
@Injectable()
export class KeyReaders {
  private readonly logger = new Logger('RateLimit');
  private readonly byText = new Map<string, KeyReader>();
  private readonly byObject = new WeakMap<object, KeyReader>();
  private readonly told = new Set<string>();

  constructor(
    @Inject(RATE_LIMIT_SETTINGS) private readonly settings: { readonly ipv6PrefixBits: number },
    @Inject(Injection) private readonly injection: Injection,
  ) {}

  of(input: KeyInput): KeyReader {
    const known = typeof input === 'string' ? this.byText.get(input) : this.byObject.get(input);
    if (known !== undefined) return known;
    const reader = this.compile(input);
    if (typeof input === 'string') this.byText.set(input, reader);
    else this.byObject.set(input, reader);
    return reader;
  }

  private compile(input: KeyInput): KeyReader {
    if (Array.isArray(input)) return this.composed(input as readonly KeyInput[]);
    if (typeof input === 'function') return this.custom(input as KeyFunction | Type<KeyResolver>);
    switch (input) {
      case 'ip':
        return (context) => this.ip(requestOf(context));
      case 'user':
        return (context) => userOf(requestOf(context)) ?? this.fallback('user', requestOf(context));
      case 'user-or-ip':
        return (context) => userOf(requestOf(context)) ?? this.ip(requestOf(context));
      case 'global':
        return () => 'global';
      default:
        return this.value(valueKey(input as string) as ValueKey);
    }
  }

  private value({ source, name }: ValueKey): KeyReader {
    const label = `${source}:${name}`;
    return (context) => {
      const request = requestOf(context);
      const value = valueOf(request, source, name);
      return value === undefined ? this.fallback(label, request) : `${label}:${value}`;
    };
  }

  private custom(input: KeyFunction | Type<KeyResolver>): KeyReader {
    if (!isResolverClass(input)) return (context) => checked(input, input(context));
    return (context) =>
      checked(
        input,
        when(this.injection.instanceOf(input, context), (resolver) => resolver.resolve(context)),
      );
  }

  private composed(inputs: readonly KeyInput[]): KeyReader {
    const readers = inputs.map((input) => this.of(input));
    return (context) =>
      whenAll(
        askAll(readers, (read) => read(context)),
        joined,
      );
  }

  private ip(request: RequestLike | undefined): string {
    const address =
      typeof request?.ip === 'string' ? canonicalAddress(request.ip, this.settings.ipv6PrefixBits) : undefined;
    if (address !== undefined) return `ip:${address}`;
    this.once('ip', 'A call has no ip address: such calls share one key. Give the policy another key.');
    return 'ip:unknown';
  }

  /** Calls that lack a value must not share one key unseen: each goes by its own address. */
  private fallback(label: string, request: RequestLike | undefined): string {
    this.once(label, `A call lacks the key '${label}': such calls are limited by ip instead.`);
    return this.ip(request);
  }

  private once(label: string, message: string): void {
    if (this.told.has(label)) return;
    this.told.add(label);
    this.logger.warn(message);
  }
}

/** Keys made of parts: a part that holds the separator must not read as two. */
const joined = (parts: readonly string[]): string =>
  parts.map((part) => part.replaceAll('%', '%25').replaceAll('|', '%7C')).join('|');

function userOf(request: RequestLike | undefined): string | undefined {
  const user = request?.user as { id?: unknown; sub?: unknown } | null | undefined;
  const id = [user?.id, user?.sub].find(isIdentity);
  return id === undefined ? undefined : `user:${id}`;
}

/** Whether a value tells one user from another: what is missing or went wrong would be the same for many. */
const isIdentity = (value: unknown): value is string | number | bigint =>
  (typeof value === 'string' && value !== '') || Number.isFinite(value) || typeof value === 'bigint';

function valueOf(request: RequestLike | undefined, source: ValueKey['source'], name: string): string | undefined {
  const values = { header: request?.headers, query: request?.query, param: request?.params }[source];
  const value = (values as Record<string, unknown> | undefined)?.[name];
  const texts = [value].flat().filter((one) => typeof one === 'string' && one !== '');
  return texts.length > 0 ? texts.join(',') : undefined;
}

/** @throws TypeError if a key function or class answers with anything but a text that is not empty */
function checked(input: { name: string }, key: MaybePromise<string>): MaybePromise<string> {
  if (isPromise(key)) return key.then((one) => checked(input, one));
  if (typeof key === 'string' && key !== '') return key;
  const found = key === '' ? 'an empty string' : typeof key;
  throw new TypeError(`Key ${input.name || 'function'} returned ${found}: return a string that is not empty.`);
}
