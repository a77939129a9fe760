import { BlockList } from 'node:net';
import { RateLimitConfigurationError } from '../contracts/errors.js';
import { type KeyPattern, matches, networkOf, parseKeyPattern } from './key-pattern.js';
import { anObject, onlyKnown } from './option-checks.js';

/** Patterns of keys that pass uncounted, and of keys that are refused. */
export interface AccessListOptions {
  /** Calls of these keys pass, uncounted. */
  readonly allow?: readonly string[];
  /** Calls of these keys are refused without a call to the backend. Wins over `allow`. */
  readonly deny?: readonly string[];
}

/** The result of the lists for a call; `undefined`: it is on neither list. */
export type AccessVerdict = 'allow-listed' | 'deny-listed' | undefined;

/** The module's lists, compiled. */
export class AccessLists {
  private readonly allow: PatternSet;
  private readonly deny: PatternSet;

  /** @throws RateLimitConfigurationError for a pattern that is wrong */
  constructor(options: AccessListOptions = {}) {
    anObject('lists', options, "Give lists of keys, such as { deny: ['ip:198.51.100.0/24'] }.");
    onlyKnown('lists', options, ['allow', 'deny']);
    this.allow = new PatternSet('lists.allow', options.allow ?? []);
    this.deny = new PatternSet('lists.deny', options.deny ?? []);
  }

  get isEmpty(): boolean {
    return this.allow.isEmpty && this.deny.isEmpty;
  }

  /** @param keys the keys of the call's policies and, over HTTP, of its IP address */
  verdict(keys: readonly string[]): AccessVerdict {
    if (keys.some((key) => this.deny.has(key))) return 'deny-listed';
    return keys.some((key) => this.allow.has(key)) ? 'allow-listed' : undefined;
  }
}

/** A list of patterns; any may match. */
class PatternSet {
  private readonly exact = new Set<string>();
  private readonly others: KeyPattern[] = [];
  /** All networks in one search, because most addresses are in none of them. */
  private readonly networks = new BlockList();

  constructor(option: string, texts: readonly string[]) {
    if (!Array.isArray(texts)) {
      throw new RateLimitConfigurationError(option, texts, "Give an array such as ['user:42', 'ip:10.0.0.0/8'].");
    }
    texts.forEach((text, index) => this.add(parseKeyPattern(`${option}[${index}]`, text as string)));
  }

  get isEmpty(): boolean {
    return this.exact.size === 0 && this.others.length === 0;
  }

  has(key: string): boolean {
    if (this.exact.has(key)) return true;
    if (this.others.length === 0) return false;
    const network = networkOf(key);
    const outside = network !== undefined && !this.networks.check(network.address, network.family);
    return this.others.some((one) => (one.kind !== 'network' || !outside) && matches(one, key, network));
  }

  private add(pattern: KeyPattern): void {
    if (pattern.kind === 'exact') this.exact.add(pattern.text);
    else this.others.push(pattern);
    if (pattern.kind === 'network') this.networks.addSubnet(pattern.address, pattern.bits, pattern.family);
  }
}
