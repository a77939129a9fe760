import { setTimeout as delay } from 'node:timers/promises';
import { limiterCall, type FunctionCall } from './limiter.call.js';
import { Migrator } from './migrator.js';
import { onConnection, Patience } from './patient-query.js';
import type { PoolSource } from './pool-source.js';
import { statement } from './postgres-client.js';
import { COUNTING } from './purpose.js';
import { counterStatements } from './schema.js';
import { isConflict, isMissing } from './sql-state.js';
import type { TableNames } from './table-names.js';

/** Longest pause before a decision that met another one is made again, in ms. */
const MAX_PAUSE_MS = 50;

/** How long before the caller gives up the server does, at most, in ms: so its connection is free in time. */
const MARGIN_MS = 20;

/** Longest wait of a ping, and of the first call of an application, in ms. */
const PING_TIMEOUT_MS = 5_000;

const PING = limiterCall('ping', []);

/** The functions in the database that decide; they are made when they are missing. */
export class LimiterFunction {
  private readonly migrator: Migrator | undefined;
  private readonly sql: Readonly<Record<FunctionCall['target'], string>>;

  constructor(
    private readonly source: PoolSource,
    names: TableNames,
    { migrate, unlogged }: { readonly migrate: boolean; readonly unlogged: boolean },
  ) {
    this.migrator = migrate ? new Migrator(source, names, counterStatements(names, unlogged), COUNTING) : undefined;
    // As text, which is the same to a pool that asks for values in binary.
    this.sql = {
      limiter: `SELECT ${names.limiter}($1, $2, $3, $4, $5, $6)::text`,
      many: `SELECT ${names.many}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)::text`,
      each: `SELECT ${names.each}($1, $2, $3, $4)::text`,
    };
  }

  /** Connects, migrates where that is needed, and finds out whether a decision could be stored. */
  async ping(signal?: AbortSignal): Promise<void> {
    await this.call(PING, new Patience(PING_TIMEOUT_MS, signal));
  }

  /**
   * @returns what the function returned, as text
   * @throws DeadlineExceededError when the time is over
   * @throws what the pool or the database says
   */
  async call(call: FunctionCall, patience: Patience): Promise<unknown> {
    let { migrator } = this;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.attempt(call, patience);
      } catch (error) {
        if (isMissing(error) && migrator !== undefined) {
          await patience.wait(migrator.run());
          migrator = undefined;
        } else if (isConflict(error)) {
          await pauseBefore(attempt, patience, error);
        } else {
          throw error;
        }
      }
    }
  }

  private async attempt({ target, values }: FunctionCall, patience: Patience): Promise<unknown> {
    const { rows } = await onConnection(this.source, patience, (client) =>
      client.query(statement(this.sql[target], [...values, lockTimeoutMs(patience)])),
    );
    return rows[0]?.[0];
  }
}

/** The server is to give up just before the caller: then the connection is free, and need not be closed. */
function lockTimeoutMs({ leftMs }: Patience): number {
  return Math.max(1, Math.floor(leftMs - Math.min(MARGIN_MS, leftMs / 10)));
}

/** Waits for a random time, so that two conflicting calls do not meet again. */
async function pauseBefore(attempt: number, { leftMs }: Patience, conflict: unknown): Promise<void> {
  const pauseMs = Math.min(MAX_PAUSE_MS, 2 ** attempt) * Math.random();
  if (pauseMs >= leftMs) throw conflict;
  await delay(pauseMs);
}
