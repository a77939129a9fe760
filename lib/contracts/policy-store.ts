import type { PolicyOptions } from './policy.js';

/** The options of a policy that are plain data, so that a store can keep them. */
export type PlainPolicy = {
  readonly [Option in keyof Omit<PolicyOptions, 'name' | 'skipIf' | 'scope'>]: Exclude<
    PolicyOptions[Option],
    (...args: never[]) => unknown
  >;
};

/** What applies to a key instead of the policy: another quota, no limit, or a refusal of all calls. */
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

/** How the counters of a policy continue after a change that does not keep them. */
export interface CarriedCounters {
  /** The series of the counters. A new number starts new counters. */
  readonly series: number;
  /** The limit of the previous series, whose use is carried over in proportion. Default: nothing is carried over. */
  readonly fromLimit?: number;
}

/** All changes at run time to the policies of the module. Plain JSON. */
export interface PolicyDocument {
  /** Policies of the module, by name: a rate or options. */
  readonly policies: Readonly<Record<string, string | PlainPolicy>>;
  readonly overrides: readonly PolicyOverride[];
  /** `true`: no policy refuses; names: these do not. */
  readonly shadow: boolean | readonly string[];
  /** Policies whose counters started again. */
  readonly counters?: Readonly<Record<string, CarriedCounters>>;
  /** Who made the last change and why, for processes that read it from the store. */
  readonly last?: PolicyChangeNote;
}

/** Who makes a change, and why. Both are part of events. */
export interface PolicyChangeNote {
  readonly by?: string;
  readonly reason?: string;
}

/**
 * Stores the document for all processes of an application: the contract for custom stores.
 *
 * A store that is not available rejects; the last known document then stays valid.
 */
export interface PolicyStore {
  /** Shown in health and errors. */
  readonly name: string;
  /** The current document; `undefined` if there was no change yet. */
  read(): Promise<PolicyDocument | undefined>;
  /**
   * Changes the document in one step, while no other process changes it.
   *
   * @param update returns the new document; if it throws, the change rejects and nothing changes
   */
  change(update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument>;
  /** Closes what the store opened itself. */
  close(): void | Promise<void>;
}
