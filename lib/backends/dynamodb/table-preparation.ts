import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { ensureTable } from './table.js';
import { untilAborted } from '../../contracts/until-aborted.js';

/** Creates the table once for all calls, and again if that failed. */
export class TablePreparation {
  private preparing: Promise<void> | undefined;
  private stopping = new AbortController();

  constructor(
    private readonly client: DynamoDBClient,
    private readonly table: string,
  ) {}

  start(): void {
    this.begin().catch(() => undefined);
  }

  /** Resolves when the table is there; does not wait for longer than the signal says. */
  done(signal: AbortSignal): Promise<void> {
    return untilAborted(this.begin(), signal);
  }

  /** Ends what is under way. */
  stop(): void {
    this.stopping.abort();
    this.preparing = undefined;
  }

  private begin(): Promise<void> {
    if (this.preparing !== undefined) return this.preparing;
    if (this.stopping.signal.aborted) this.stopping = new AbortController();
    const preparing = ensureTable(this.client, this.table, this.stopping.signal).catch((error: unknown) => {
      if (this.preparing === preparing) this.preparing = undefined;
      throw error;
    });
    this.preparing = preparing;
    return preparing;
  }
}
