import type { Policy } from '../../contracts/policy.js';

/** Numbers for the policies of stored counters: a number is smaller than a reference. It is free when no counter has it. */
export class PolicyNumbers {
  private readonly numbers = new Map<Policy, number>();
  private readonly policies: (Policy | undefined)[] = [];
  private readonly uses: number[] = [];
  private readonly free: number[] = [];

  at(number: number): Policy {
    return this.policies[number] as Policy;
  }

  /** The number of a policy for one more counter. */
  take(policy: Policy): number {
    const number = this.numbers.get(policy) ?? this.add(policy);
    this.uses[number] = (this.uses[number] as number) + 1;
    return number;
  }

  /** A counter no longer needs the number. */
  release(number: number): void {
    const left = (this.uses[number] as number) - 1;
    this.uses[number] = left;
    if (left > 0) return;
    this.numbers.delete(this.at(number));
    this.policies[number] = undefined;
    this.free.push(number);
  }

  private add(policy: Policy): number {
    const number = this.free.pop() ?? this.policies.length;
    this.numbers.set(policy, number);
    this.policies[number] = policy;
    this.uses[number] = 0;
    return number;
  }
}
