import type { PolicyOptions } from './policy.js';

/** The options of a policy that are plain data, so that a store can keep them. */
export type PlainPolicy = {
  readonly [Option in keyof Omit<PolicyOptions, 'name' | 'skipIf' | 'scope'>]: Exclude<
    PolicyOptions[Option],
    (...args: never[]) => unknown
  >;
};

/** What holds for a key instead of the policy: another quota, no limit at all, or none of its calls passes. */
export type OverrideTarget = string | PlainPolicy;

/** Another quota of a policy for one key, or for all keys that a pattern matches. */
export interface PolicyOverride {
  /** Name of a policy of the module. */
  readonly policy: string;
  /** A key (`user:42`), a prefix (`user:bot-*`) or a network (`ip:10.0.0.0/8`). */
  readonly key: string;
  /** A rate, options, `'unlimited'` or `'blocked'`. */
  readonly to: OverrideTarget;
  /** When it ends, ISO 8601. Default: never. */
  readonly until?: string;
  readonly by?: string;
  readonly reason?: string;
}

/** Where the counters of a policy go on after a change that did not leave them as they are. */
export interface CarriedCounters {
  /** Number of the counters: a new number begins new counters. */
  readonly series: number;
  /** The limit of the series before, whose use is carried over in proportion. Default: nothing is carried over. */
  readonly fromLimit?: number;
}

/** What was changed at run time, over what the module defines. Plain JSON. */
export interface PolicyDocument {
  /** Policies of the module, by name: a rate or options. */
  readonly policies: Readonly<Record<string, string | PlainPolicy>>;
  readonly overrides: readonly PolicyOverride[];
  /** `true`: no policy refuses; names: these do not. */
  readonly shadow: boolean | readonly string[];
  /** Policies whose counters began anew. */
  readonly counters?: Readonly<Record<string, CarriedCounters>>;
  /** Who made the last change and why, for those who learn of it from the store. */
  readonly last?: PolicyChangeNote;
}

/** Who makes a change, and why; both go into events. */
export interface PolicyChangeNote {
  readonly by?: string;
  readonly reason?: string;
}

/**
 * Keeps the document for all processes of an application: the contract for third parties.
 *
 * A store that cannot be reached rejects; what was read last goes on to hold.
 */
export interface PolicyStore {
  /** Shown in health and errors. */
  readonly name: string;
  /** The document as it is now; `undefined` if nothing was ever changed. */
  read(): Promise<PolicyDocument | undefined>;
  /**
   * Changes the document, whole or not at all, while no other process does.
   *
   * @param update makes the new document of the present one; what it throws rejects, and changes nothing
   */
  change(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument>;
  /** Releases what the store opened itself. */
  close(): void | Promise<void>;
}
