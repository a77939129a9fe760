import type { PolicyStatus } from '../../../lib/contracts/decision.js';
import type { CountingAlgorithm, Policy } from '../../../lib/contracts/policy.js';

/**
 * The algorithms once more, as naive as can be and in whole numbers of any size: units that are in use as an exact
 * fraction of time, and every wait found by searching for it.
 */

/** A number, exactly: numerator and denominator (above 0). */
export type Rational = readonly [bigint, bigint];

const MOST = 2n ** 52n;

/** What a sliding window holds at most. */
const mostUnits = (windowMs: bigint): bigint => max(MOST / windowMs, 2n ** 35n - 1n);

/** What a token of a bucket is divided into: so many parts that a millisecond repays a whole number of them. */
function tokenOf(limit: bigint, windowMs: bigint): bigint {
  if (limit * windowMs <= MOST) return windowMs;
  let [divisor, rest] = [limit, windowMs];
  while (rest > 0n) [divisor, rest] = [rest, divisor % rest];
  return windowMs / divisor;
}

const min = (one: bigint, other: bigint): bigint => (one < other ? one : other);
const max = (one: bigint, other: bigint): bigint => (one > other ? one : other);
const floorDiv = (number: bigint, by: bigint): bigint => number / by - (number % by < 0n ? 1n : 0n);
const ceilDiv = (number: bigint, by: bigint): bigint => -floorDiv(-number, by);

/** What one algorithm remembers of one key. Times in ms. */
interface Usage {
  /** Units in use at a time, if nobody calls until then; never grows with time. */
  used(atMs: bigint): Rational;
  /** Makes good a clock that stepped back and a policy that changed. Returns whether there was anything to do. */
  settle(policy: Policy, nowMs: bigint): boolean;
  charge(cost: bigint, nowMs: bigint): void;
  /** Returns whether the usage is to be written. */
  refund(cost: bigint, nowMs: bigint, chargedAtMs?: bigint): boolean;
}

/** Units by the window in which they came; each counts for one until its window ends. */
class FixedWindowUsage implements Usage {
  private window: bigint;
  private units = 0n;
  private windowMs: bigint;

  constructor(policy: Policy, nowMs: bigint) {
    this.windowMs = BigInt(policy.windowMs);
    this.window = floorDiv(nowMs, this.windowMs);
  }

  used(atMs: bigint): Rational {
    return [atMs < (this.window + 1n) * this.windowMs ? this.units : 0n, 1n];
  }

  settle(policy: Policy, nowMs: bigint): boolean {
    const windowMs = BigInt(policy.windowMs);
    const [units] = this.used(nowMs);
    const current = floorDiv(nowMs, windowMs);
    if (windowMs !== this.windowMs) {
      this.windowMs = windowMs;
      this.units = units;
      this.window = current;
      return true;
    }
    if (this.window <= current + 1n) return false;
    this.window = current + 1n;
    return true;
  }

  charge(cost: bigint, nowMs: bigint): void {
    this.roll(nowMs);
    this.units = min(this.units + cost, BigInt(Number.MAX_SAFE_INTEGER));
  }

  refund(cost: bigint, nowMs: bigint, chargedAtMs?: bigint): boolean {
    const window = max(this.window, floorDiv(nowMs, this.windowMs));
    if (chargedAtMs !== undefined && floorDiv(chargedAtMs, this.windowMs) !== window) return false;
    this.roll(nowMs);
    this.units = max(0n, this.units - cost);
    return true;
  }

  private roll(nowMs: bigint): void {
    const current = floorDiv(nowMs, this.windowMs);
    if (current <= this.window) return;
    this.window = current;
    this.units = 0n;
  }
}

/** Units by the window in which they came; each counts for one until its window ends, and then fades out in another. */
class SlidingWindowUsage implements Usage {
  private units = new Map<bigint, bigint>();
  private newest: bigint;
  private windowMs: bigint;

  constructor(policy: Policy, nowMs: bigint) {
    this.windowMs = BigInt(policy.windowMs);
    this.newest = floorDiv(nowMs, this.windowMs);
  }

  used(atMs: bigint): Rational {
    let sum = 0n;
    for (const [window, units] of this.units) {
      const untilGone = (window + 2n) * this.windowMs - atMs;
      sum += units * max(0n, min(this.windowMs, untilGone));
    }
    return [sum, this.windowMs];
  }

  settle(policy: Policy, nowMs: bigint): boolean {
    const windowMs = BigInt(policy.windowMs);
    const current = floorDiv(nowMs, windowMs);
    if (windowMs !== this.windowMs) {
      this.shift(floorDiv(nowMs, this.windowMs));
      const units = min(ceilDiv(...this.used(nowMs)), mostUnits(windowMs));
      this.windowMs = windowMs;
      this.newest = current;
      this.units = new Map([[current, units]]);
      return true;
    }
    return this.shift(current);
  }

  charge(cost: bigint, nowMs: bigint): void {
    this.roll(nowMs);
    this.units.set(this.newest, min(this.of(this.newest) + cost, mostUnits(this.windowMs)));
  }

  refund(cost: bigint, nowMs: bigint, chargedAtMs?: bigint): boolean {
    const newest = max(this.newest, floorDiv(nowMs, this.windowMs));
    const from =
      chargedAtMs === undefined
        ? [newest, newest - 1n]
        : [newest, newest - 1n].filter((window) => window === floorDiv(chargedAtMs, this.windowMs));
    if (from.length === 0) return false;
    this.roll(nowMs);
    let left = cost;
    for (const window of from) {
      const given = min(left, this.of(window));
      this.units.set(window, this.of(window) - given);
      left -= given;
    }
    return true;
  }

  private of(window: bigint): bigint {
    return this.units.get(window) ?? 0n;
  }

  private roll(nowMs: bigint): void {
    this.newest = max(this.newest, floorDiv(nowMs, this.windowMs));
    for (const window of this.units.keys()) if (window < this.newest - 1n) this.units.delete(window);
  }

  private shift(current: bigint): boolean {
    const by = this.newest - (current + 1n);
    if (by <= 0n) return false;
    this.newest -= by;
    this.units = new Map([...this.units].map(([window, units]) => [window - by, units]));
    return true;
  }
}

/** Tokens that are owed, as a fraction, repaid evenly. */
class TokenBucketUsage implements Usage {
  private debt: Rational = [0n, 1n];
  private limit: bigint;
  private windowMs: bigint;

  constructor(
    policy: Policy,
    private atMs: bigint,
  ) {
    this.limit = BigInt(policy.limit);
    this.windowMs = BigInt(policy.windowMs);
  }

  used(atMs: bigint): Rational {
    const [owed, of] = this.debt;
    const repaid = max(0n, atMs - this.atMs) * this.limit;
    return [max(0n, owed * this.windowMs - repaid * of), of * this.windowMs];
  }

  settle(policy: Policy, nowMs: bigint): boolean {
    const windowMs = BigInt(policy.windowMs);
    const limit = BigInt(policy.limit);
    if (nowMs >= this.atMs && windowMs === this.windowMs && limit === this.limit) return false;
    const [owed, of] = this.used(nowMs);
    const token = tokenOf(limit, windowMs);
    this.debt =
      token === tokenOf(this.limit, this.windowMs) ? [owed, of] : [min(ceilDiv(owed * token, of), MOST), token];
    this.atMs = nowMs;
    this.windowMs = windowMs;
    this.limit = limit;
    return true;
  }

  charge(cost: bigint, nowMs: bigint): void {
    const [owed, of] = this.used(nowMs);
    this.owe([owed + cost * of, of], nowMs);
  }

  refund(cost: bigint, nowMs: bigint): boolean {
    const [owed, of] = this.used(nowMs);
    this.owe([max(0n, owed - cost * of), of], nowMs);
    return true;
  }

  /** Debts are kept as multiples of a token's share that is one by the window, of which they are. */
  private owe([owed, of]: Rational, nowMs: bigint): void {
    const token = tokenOf(this.limit, this.windowMs);
    this.debt = [min((owed * token) / of, MOST), token];
    this.atMs = nowMs;
  }
}

/** The time at which each unit came. */
class SlidingLogUsage implements Usage {
  private times: bigint[] = [];
  private windowMs: bigint;

  constructor(policy: Policy) {
    this.windowMs = BigInt(policy.windowMs);
  }

  used(atMs: bigint): Rational {
    return [BigInt(this.times.filter((time) => time + this.windowMs > atMs).length), 1n];
  }

  settle(policy: Policy, nowMs: bigint): boolean {
    this.windowMs = BigInt(policy.windowMs);
    if (!this.times.some((time) => time > nowMs)) return false;
    this.times = this.times.map((time) => min(time, nowMs));
    this.drop(nowMs);
    return true;
  }

  charge(cost: bigint, nowMs: bigint): void {
    this.drop(nowMs);
    for (let unit = 0n; unit < cost; unit += 1n) this.times.push(nowMs);
  }

  refund(cost: bigint, nowMs: bigint, chargedAtMs?: bigint): boolean {
    this.drop(nowMs);
    for (let unit = 0n; unit < cost; unit += 1n) {
      const index = chargedAtMs === undefined ? this.times.length - 1 : this.times.lastIndexOf(chargedAtMs);
      if (index < 0) break;
      this.times.splice(index, 1);
    }
    return true;
  }

  private drop(nowMs: bigint): void {
    this.times = this.times.filter((time) => time + this.windowMs > nowMs);
  }
}

/** Units by the time at which they are taken to have come: those of a 59th of a window came with the last of them. */
class StrictWindowUsage implements Usage {
  private came = new Map<bigint, bigint>();
  private windowMs: bigint;
  private limit: number;

  constructor(policy: Policy) {
    this.windowMs = BigInt(policy.windowMs);
    this.limit = policy.limit;
  }

  used(atMs: bigint): Rational {
    let sum = 0n;
    for (const [time, units] of this.came) if (time + this.windowMs > atMs) sum += units;
    return [sum, 1n];
  }

  settle(policy: Policy, nowMs: bigint): boolean {
    this.windowMs = BigInt(policy.windowMs);
    this.limit = policy.limit;
    const ahead = [...this.came].filter(([time]) => time > nowMs);
    if (ahead.length === 0) return false;
    for (const [time, units] of ahead) {
      this.came.delete(time);
      this.add(nowMs, units);
    }
    this.drop(nowMs);
    return true;
  }

  charge(cost: bigint, nowMs: bigint): void {
    this.drop(nowMs);
    const newest = this.newest();
    const units = min(cost, BigInt(Number.MAX_SAFE_INTEGER) - this.used(nowMs)[0]);
    const isFull = units === 0n || this.came.size >= 60;
    const joins = newest !== undefined && (isFull || this.part(newest) === this.part(nowMs));
    const joined = joins ? (this.came.get(newest) ?? 0n) : 0n;
    if (joins) this.came.delete(newest);
    this.add(nowMs, joined + units);
  }

  refund(cost: bigint, nowMs: bigint, chargedAtMs?: bigint): boolean {
    this.drop(nowMs);
    let left = cost;
    for (const time of this.from(nowMs, chargedAtMs)) {
      const units = this.came.get(time) ?? 0n;
      const taken = min(left, units);
      left -= taken;
      if (units > taken) this.came.set(time, units - taken);
      else this.came.delete(time);
    }
    return true;
  }

  /** Where a refund finds its units, in order. */
  private from(nowMs: bigint, chargedAtMs: bigint | undefined): bigint[] {
    const newestFirst = [...this.came.keys()].sort((one, other) => (one > other ? -1 : 1));
    if (chargedAtMs === undefined) return newestFirst;
    const holder = newestFirst.filter((time) => time >= chargedAtMs).at(-1);
    if (holder === undefined || this.part(holder) !== this.part(chargedAtMs)) return [];
    return chargedAtMs + this.windowMs > nowMs ? [holder] : [];
  }

  private part(time: bigint): bigint {
    return this.limit <= 60 ? time : floorDiv(time, ceilDiv(this.windowMs, 59n));
  }

  private newest(): bigint | undefined {
    return [...this.came.keys()].reduce<bigint | undefined>((one, other) => max(one ?? other, other), undefined);
  }

  private add(time: bigint, units: bigint): void {
    this.came.set(time, (this.came.get(time) ?? 0n) + units);
  }

  private drop(nowMs: bigint): void {
    for (const time of this.came.keys()) if (time + this.windowMs <= nowMs) this.came.delete(time);
  }
}

const USAGE: Readonly<Record<CountingAlgorithm, new (policy: Policy, nowMs: bigint) => Usage>> = {
  'fixed-window': FixedWindowUsage,
  'sliding-window': SlidingWindowUsage,
  'token-bucket': TokenBucketUsage,
  'sliding-log': SlidingLogUsage,
  'strict-window': StrictWindowUsage,
};

/** One counter of one key, in exact arithmetic; writes by the rule that every backend follows. */
export class ExactLimiter {
  private usage: Usage | undefined;
  private blockedUntilMs: bigint | undefined;

  /** What the policy says of a call, and whether that was stored. */
  consume(policy: Policy, cost: number, now: number, overdraw = false): PolicyStatus {
    const nowMs = BigInt(now);
    const draft = this.draft(policy, nowMs);
    const never = policy.limit === 0 || cost > policy.burst;
    const admitted =
      overdraw || cost === 0 || (!never && draft.blockedUntilMs === undefined && draft.fits(policy, cost, nowMs));
    if (admitted && cost > 0 && policy.limit > 0 && draft.blockedUntilMs === undefined) {
      draft.usage?.charge(BigInt(cost), nowMs);
      draft.changed = true;
    }
    if (!admitted && !never && policy.blockForMs > 0 && draft.blockedUntilMs === undefined) {
      draft.blockedUntilMs = nowMs + BigInt(policy.blockForMs);
      draft.changed = true;
    }
    this.keep(draft, nowMs);
    return draft.status(policy, cost, admitted, nowMs);
  }

  peek(policy: Policy, now: number): PolicyStatus {
    const nowMs = BigInt(now);
    return this.draft(policy, nowMs).status(policy, 0, true, nowMs);
  }

  refund(policy: Policy, cost: number, now: number, chargedAtMs?: number): void {
    if (this.usage === undefined && this.blockedUntilMs === undefined) return;
    const nowMs = BigInt(now);
    const draft = this.draft(policy, nowMs);
    if (cost > 0 && policy.limit > 0 && draft.blockedUntilMs === undefined && draft.usage !== undefined) {
      const chargedAt = chargedAtMs === undefined ? undefined : BigInt(chargedAtMs);
      if (draft.usage.refund(BigInt(cost), nowMs, chargedAt)) draft.changed = true;
    }
    this.keep(draft, nowMs);
  }

  private draft(policy: Policy, nowMs: bigint): Draft {
    const blockForMs = BigInt(policy.blockForMs);
    if (this.blockedUntilMs !== undefined && this.blockedUntilMs > nowMs && blockForMs > 0n) {
      const until = min(this.blockedUntilMs, nowMs + blockForMs);
      return new Draft(undefined, until, until !== this.blockedUntilMs && policy.limit > 0);
    }
    if (this.usage === undefined)
      return new Draft(new USAGE[policy.algorithm as CountingAlgorithm](policy, nowMs), undefined, false);
    const usage = copyOf(this.usage);
    const displaced = usage.settle(policy, nowMs);
    return new Draft(usage, undefined, displaced && policy.limit > 0);
  }

  private keep({ usage, blockedUntilMs, changed }: Draft, nowMs: bigint): void {
    if (!changed) return;
    const fresh = blockedUntilMs === undefined && usage?.used(nowMs)[0] === 0n;
    this.usage = fresh || blockedUntilMs !== undefined ? undefined : usage;
    this.blockedUntilMs = blockedUntilMs;
  }
}

/** A counter as a call finds and leaves it, before it is known whether that is kept. */
class Draft {
  constructor(
    readonly usage: Usage | undefined,
    public blockedUntilMs: bigint | undefined,
    public changed: boolean,
  ) {}

  fits(policy: Policy, cost: number, atMs: bigint): boolean {
    const [used, of] = this.used(atMs);
    return used + BigInt(cost) * of <= BigInt(policy.burst) * of;
  }

  status(policy: Policy, cost: number, allowed: boolean, nowMs: bigint): PolicyStatus {
    const { name, limit, windowMs, mode } = policy;
    return {
      name,
      limit,
      windowMs,
      allowed,
      remaining: this.remaining(policy, nowMs),
      resetAfterMs: limit === 0 && this.blockedUntilMs === undefined ? 0 : this.wait(nowMs, (at) => this.isFresh(at)),
      retryAfterMs: allowed ? 0 : this.retryAfterMs(policy, cost, nowMs),
      mode,
    };
  }

  private retryAfterMs(policy: Policy, cost: number, nowMs: bigint): number | null {
    if (policy.limit === 0 || cost > policy.burst) return null;
    return this.wait(nowMs, (at) =>
      this.blockedUntilMs === undefined ? this.fits(policy, cost, at) : at >= this.blockedUntilMs,
    );
  }

  private remaining({ limit, burst }: Policy, nowMs: bigint): number {
    if (limit === 0 || this.blockedUntilMs !== undefined) return 0;
    const [used, of] = this.used(nowMs);
    return Number(max(0n, floorDiv(BigInt(burst) * of - used, of)));
  }

  private isFresh(atMs: bigint): boolean {
    return this.blockedUntilMs === undefined ? this.used(atMs)[0] === 0n : atMs >= this.blockedUntilMs;
  }

  private used(atMs: bigint): Rational {
    return this.usage?.used(atMs) ?? [0n, 1n];
  }

  /** The smallest wait after which something holds, which then holds for ever. */
  private wait(nowMs: bigint, holds: (atMs: bigint) => boolean): number {
    if (holds(nowMs)) return 0;
    let no = 0n;
    let yes = 1n;
    while (!holds(nowMs + yes)) [no, yes] = [yes, yes * 4n];
    while (yes - no > 1n) {
      const middle = (no + yes) / 2n;
      if (holds(nowMs + middle)) yes = middle;
      else no = middle;
    }
    return Number(yes);
  }
}

/** A usage of its own, to be thrown away or kept. */
function copyOf(usage: Usage): Usage {
  const copy = Object.create(Object.getPrototypeOf(usage) as object) as Usage;
  for (const [field, value] of Object.entries(usage)) {
    const own =
      value instanceof Map ? new Map(value) : Array.isArray(value) ? [...(value as unknown[])] : (value as unknown);
    Object.assign(copy, { [field]: own });
  }
  return copy;
}
