import type { PolicyDocument, PolicyStore } from '../../../lib/contracts/policy-store.js';

/** A store that other processes share, which a test lets fail as it likes. */
export class SharedStore implements PolicyStore {
  readonly name = 'shared';
  readonly asked: string[] = [];
  document: PolicyDocument | undefined;
  error: unknown;
  silent = false;
  /** What an answer waits for. */
  gate: Promise<void> | undefined;

  read = async (): Promise<PolicyDocument | undefined> => this.answer('read', () => this.document);

  change = async (update: (present: PolicyDocument | undefined) => PolicyDocument): Promise<PolicyDocument> =>
    this.answer('change', () => (this.document = update(this.document)));

  close(): void {
    this.asked.push('close');
  }

  private async answer<T>(verb: string, work: () => T): Promise<T> {
    this.asked.push(verb);
    if (this.silent) return new Promise<T>(() => undefined);
    if (this.error !== undefined) throw this.error as Error;
    const answer = work();
    await this.gate;
    return answer;
  }
}
