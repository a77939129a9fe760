import type { Backend, Charge } from '../contracts/backend.js';
import { isUnavailable } from '../contracts/errors.js';
import type { Policy } from '../contracts/policy.js';
import { MAX_DURATION_MS } from '../policies/duration.js';

/** A charge whose counter continues the counter before a change, with the same used share. */
export interface CarriedCharge {
  readonly charge: Charge;
  readonly from: CarriedFrom;
}

/** The counter that is continued. */
export interface CarriedFrom {
  /** Its id. */
  readonly id: string;
  /** Its limit. */
  readonly limit: number;
}

/**
 * Maximum number of keys that a process remembers to have carried over. A forgotten key asks the store again, which
 * refuses it.
 */
const MAX_REMEMBERED = 10_000;

/**
 * Carries over the used share, in proportion, when a policy is changed with `carryOver: 'proportional'`.
 *
 * The first process that uses a key reads the counter before the change, and charges the same share to the new one. It
 * also charges a mark that can be charged only once, so no key is carried over twice.
 */
export class CarryOver {
  private readonly known = new Map<string, Promise<void> | true>();

  constructor(private readonly backend: Backend) {}

  /** A promise to await before a decision; `undefined` if all keys are carried over. */
  before(charges: readonly CarriedCharge[], timeoutMs: number): Promise<unknown> | undefined {
    const open = charges.flatMap((one) => {
      const known = this.known.get(nameOf(one));
      if (known === true) return [];
      return [known ?? this.start(one, timeoutMs)];
    });
    return open.length === 0 ? undefined : Promise.all(open);
  }

  private start(carried: CarriedCharge, timeoutMs: number): Promise<void> {
    const name = nameOf(carried);
    const carrying = this.carry(carried, timeoutMs).then(
      () => void this.known.set(name, true),
      (error: unknown) => {
        this.known.delete(name);
        // The following decision fails in the same outage, and the failure mode answers.
        if (!isUnavailable(error)) throw error;
      },
    );
    this.known.set(name, carrying);
    const [oldest] = this.known.keys();
    if (this.known.size > MAX_REMEMBERED && oldest !== undefined) this.known.delete(oldest);
    return carrying;
  }

  private async carry({ charge: { key, policy }, from }: CarriedCharge, timeoutMs: number): Promise<void> {
    // With the larger limit, so that the whole use fits.
    const limit = Math.max(policy.limit, from.limit);
    const burst = Math.max(policy.burst, from.limit);
    const before: Policy = { ...policy, id: from.id, limit, burst };
    const reply = await this.backend.peek({ charges: [{ key, policy: before, cost: 0 }], timeoutMs });
    const used = burst - (reply.policies[0]?.remaining ?? burst);
    const cost = Math.min(policy.burst, Math.ceil((used * policy.limit) / from.limit));
    if (cost === 0) return;
    await this.backend.consume({ charges: [markOf(key, policy), { key, policy, cost }], timeoutMs });
  }
}

const nameOf = ({ charge: { key, policy } }: CarriedCharge): string => `${policy.id}\n${key}`;

/** Can be charged once while the counter before the change may still count. */
const markOf = (key: string, { id, windowMs }: Policy): Charge => ({
  key,
  cost: 1,
  policy: {
    id: `~carried:${id}`,
    name: 'carried',
    algorithm: 'sliding-log',
    limit: 1,
    windowMs: Math.min(2 * windowMs, MAX_DURATION_MS),
    burst: 1,
    blockForMs: 0,
    mode: 'enforce',
  },
});
