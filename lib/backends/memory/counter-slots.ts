import type { CounterState } from '../../algorithms/algorithm.js';
import type { Policy } from '../../contracts/policy.js';
import { PolicyNumbers } from './policy-numbers.js';

/** Slots come in pages of a power of two: one array of a million slots would have to be copied to grow. */
const PAGE_BITS = 10;
const PAGE = 1 << PAGE_BITS;
const IN_PAGE = PAGE - 1;

// A slot is 48 bytes, so that most of them lie in one line of the processor's cache: four numbers of 8 bytes, which are
// `windowMs`, `at`, `used` and `rest`, and then words of 4 bytes.
const NUMBERS = 6;
const WORDS = 2 * NUMBERS;
const OLDER = 8;
const NEWER = 9;
const POLICY = 10;
const BESIDE = 11;

/** Stands for no slot. The first slot is 1. */
export const NONE = 0;

/** A stored counter as it was when it was read. */
export interface Counter extends CounterState {
  readonly slot: number;
}

type Writable<T> = { -readonly [Field in keyof T]: T[Field] };

/** A counter to read into. V8 overwrites a field that has held a fraction in place, and allocates no number for it. */
export const blankCounter = (): Counter => ({
  slot: NONE,
  windowMs: 0.5,
  at: 0.5,
  used: 0.5,
  rest: 0.5,
  log: undefined,
});

/**
 * Counters in typed arrays, in the order of their use: 94 bytes a key with its table, where objects took 134 to 166, and
 * nothing of it for the garbage collector to visit. Slots are used again; the memory of the most slots so far stays.
 */
export class CounterSlots {
  private readonly numbers: Float64Array[] = [];
  /** The same memory as the numbers. */
  private readonly words: Uint32Array[] = [];
  private readonly keys: string[][] = [];
  /** Of pages whose counters have logs. One map of a million logs would stop the process to grow. */
  private readonly logs: ((readonly number[] | undefined)[] | undefined)[] = [];
  /** The policies of the last writes: the policy of another key with the same id may have another limit or window. */
  private readonly policies = new PolicyNumbers();
  private taken = 0;
  /** The free slots are a list by their newer neighbours. */
  private free = NONE;
  private first = NONE;
  private last = NONE;

  /** The least recently used slot. */
  get oldest(): number {
    return this.first;
  }

  /** Takes a slot for a counter, which becomes the most recently used. */
  take(key: string, policy: Policy, state: CounterState): number {
    const slot = this.freeSlot();
    (this.keys[slot >> PAGE_BITS] as string[])[slot & IN_PAGE] = key;
    this.wordsOf(slot)[wordOf(slot, POLICY)] = this.policies.take(policy);
    this.write(slot, policy, state);
    this.append(slot);
    return slot;
  }

  /** Gives a slot back. */
  release(slot: number): void {
    this.unlink(slot);
    const words = this.wordsOf(slot);
    this.policies.release(words[wordOf(slot, POLICY)] as number);
    (this.keys[slot >> PAGE_BITS] as string[])[slot & IN_PAGE] = '';
    this.keepLog(slot, undefined);
    words[wordOf(slot, NEWER)] = this.free;
    this.free = slot;
  }

  /** @param counter is overwritten, and returned */
  read(slot: number, counter: Counter = blankCounter()): Counter {
    const numbers = this.numbers[slot >> PAGE_BITS] as Float64Array;
    const start = (slot & IN_PAGE) * NUMBERS;
    const read = counter as Writable<Counter>;
    read.slot = slot;
    read.windowMs = numbers[start] as number;
    read.at = numbers[start + 1] as number;
    read.used = numbers[start + 2] as number;
    read.rest = numbers[start + 3] as number;
    read.log = this.logs[slot >> PAGE_BITS]?.[slot & IN_PAGE];
    return counter;
  }

  write(slot: number, policy: Policy, { windowMs, at, used, rest, log }: CounterState): void {
    const numbers = this.numbers[slot >> PAGE_BITS] as Float64Array;
    const start = (slot & IN_PAGE) * NUMBERS;
    numbers[start] = windowMs;
    numbers[start + 1] = at;
    numbers[start + 2] = used;
    numbers[start + 3] = rest;
    const words = this.wordsOf(slot);
    const before = words[wordOf(slot, POLICY)] as number;
    if (this.policies.at(before) !== policy) {
      words[wordOf(slot, POLICY)] = this.policies.take(policy);
      this.policies.release(before);
    }
    this.keepLog(slot, log);
  }

  /**
   * The counter of the same key by another policy, if `join` noted it and it is still there. With many keys, look-ups
   * take nearly half of the time of a decision.
   */
  beside(slot: number, { id }: Policy): number {
    const other = this.wordsOf(slot)[wordOf(slot, BESIDE)] as number;
    if (other === NONE || this.keyOf(other) !== this.keyOf(slot)) return NONE;
    return this.policyOf(other).id === id ? other : NONE;
  }

  /** Remembers a counter of the same key. */
  join(slot: number, other: number): void {
    this.wordsOf(slot)[wordOf(slot, BESIDE)] = other;
  }

  keyOf(slot: number): string {
    return (this.keys[slot >> PAGE_BITS] as string[])[slot & IN_PAGE] as string;
  }

  policyOf(slot: number): Policy {
    return this.policies.at(this.wordsOf(slot)[wordOf(slot, POLICY)] as number);
  }

  /** The slot that was used next after this one; `NONE` after the most recently used. */
  newerThan(slot: number): number {
    return this.wordsOf(slot)[wordOf(slot, NEWER)] as number;
  }

  /** Makes a slot the most recently used. */
  touch(slot: number): void {
    if (slot === this.last) return;
    this.unlink(slot);
    this.append(slot);
  }

  private keepLog(slot: number, log: readonly number[] | undefined): void {
    let logs = this.logs[slot >> PAGE_BITS];
    if (logs === undefined) {
      if (log === undefined) return;
      this.logs[slot >> PAGE_BITS] = logs = new Array<undefined>(PAGE).fill(undefined);
    }
    logs[slot & IN_PAGE] = log;
  }

  private append(slot: number): void {
    const words = this.wordsOf(slot);
    words[wordOf(slot, OLDER)] = this.last;
    words[wordOf(slot, NEWER)] = NONE;
    if (this.last === NONE) this.first = slot;
    else this.wordsOf(this.last)[wordOf(this.last, NEWER)] = slot;
    this.last = slot;
  }

  private unlink(slot: number): void {
    const words = this.wordsOf(slot);
    const older = words[wordOf(slot, OLDER)] as number;
    const newer = words[wordOf(slot, NEWER)] as number;
    if (older === NONE) this.first = newer;
    else this.wordsOf(older)[wordOf(older, NEWER)] = newer;
    if (newer === NONE) this.last = older;
    else this.wordsOf(newer)[wordOf(newer, OLDER)] = older;
  }

  private freeSlot(): number {
    const slot = this.free;
    if (slot !== NONE) {
      this.free = this.newerThan(slot);
      return slot;
    }
    this.taken += 1;
    if (this.taken >> PAGE_BITS >= this.numbers.length) this.addPage();
    return this.taken;
  }

  private addPage(): void {
    const numbers = new Float64Array(PAGE * NUMBERS);
    this.numbers.push(numbers);
    this.words.push(new Uint32Array(numbers.buffer));
    this.logs.push(undefined);
    this.keys.push(new Array<string>(PAGE).fill(''));
  }

  private wordsOf(slot: number): Uint32Array {
    return this.words[slot >> PAGE_BITS] as Uint32Array;
  }
}

const wordOf = (slot: number, word: number): number => (slot & IN_PAGE) * WORDS + word;
