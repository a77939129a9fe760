import { batchOf, readBatch, type Told } from './batch.script.js';
import { LIMITER, limiterCall, type RunVerb, timeOutsideBorders, type Verb } from './limiter.script.js';
import type { QueuedCall, Run } from './queued-call.js';
import type { RedisDriver, ScriptCall } from './redis-driver.js';
import { readReply, readStates } from './reply.js';
import { readRunReply } from './run-reply.js';
import { isUnknownScript } from './script.js';

/** Sends calls to the script, and settles them by what it replies. */
export class ScriptRunner {
  /** How far the server's clock is ahead, if it is known to be more than a calendar window. */
  private serverAheadMs = 0;
  private readonly clock = (): number => Date.now() + this.serverAheadMs;

  /** @param onSlots hears that calls of several keys are refused: the server is a Cluster, though its client does not know */
  constructor(
    private readonly driver: RedisDriver,
    private readonly keyPrefix: string,
    private readonly onSlots: () => void,
  ) {}

  /** Sends the calls as one call of the script. Never fails: the callers get the errors. */
  readonly send = (runs: readonly Run[]): Promise<void> =>
    runs.length === 1 ? this.sendOne(runs[0] as Run) : this.sendTogether(runs);

  private async sendOne(run: Run): Promise<void> {
    try {
      settle(run, await this.ask(() => this.callOf(run)));
    } catch (error) {
      rejectAll(run.calls, error);
    }
  }

  private async sendTogether(given: readonly Run[]): Promise<void> {
    const runs = given.filter((run) => this.isSound(run));
    if (runs.length === 0) return;
    try {
      const raw = await this.ask(() => batchOf(runs.map((run) => this.callOf(run))));
      const told = readBatch(raw, runs.length);
      await Promise.all(runs.map((run, index) => this.conclude(run, told[index] as Told)));
    } catch (error) {
      if (!isCrossSlot(error)) return runs.forEach(({ calls }) => rejectAll(calls, error));
      // Nothing has run: the server rejects keys of several slots before.
      this.onSlots();
      await Promise.all(runs.map((run) => this.sendOne(run)));
    }
  }

  private async conclude(run: Run, told: Told): Promise<void> {
    if ('raw' in told) {
      try {
        settle(run, told.raw);
      } catch (error) {
        rejectAll(run.calls, error);
      }
      return;
    }
    // Some servers put an error sign in front of errors that a script catches.
    const error = new ScriptReplyError(told.failure.replace(/^-/, ''));
    const serverMs = timeOutsideBorders(error);
    if (serverMs === undefined) return rejectAll(run.calls, error);
    this.serverAheadMs = serverMs - Date.now();
    await this.sendOne(run);
  }

  /** If a call cannot be encoded for the script, only its caller gets the error. */
  private isSound(run: Run): boolean {
    try {
      this.callOf(run);
      return true;
    } catch (error) {
      rejectAll(run.calls, error);
      return false;
    }
  }

  private callOf({ first, calls }: Run): ScriptCall {
    const verb: Verb | RunVerb = calls.length === 1 ? first.verb : { kind: 'run', count: calls.length };
    return limiterCall(this.keyPrefix, verb, first.charges, this.clock);
  }

  private async ask(call: () => ScriptCall): Promise<unknown> {
    try {
      return await this.driver.runByHash(LIMITER, call());
    } catch (error) {
      return this.askAgain(error, call);
    }
  }

  /** Sends a server what it was missing: the script, or the borders of calendar windows around its time. */
  private async askAgain(error: unknown, call: () => ScriptCall): Promise<unknown> {
    const serverMs = timeOutsideBorders(error);
    if (serverMs !== undefined) {
      this.serverAheadMs = serverMs - Date.now();
      return this.driver.runByHash(LIMITER, call());
    }
    if (!isUnknownScript(error)) throw error;
    try {
      return await this.driver.runByText(LIMITER, call());
    } catch (again) {
      if (timeOutsideBorders(again) === undefined) throw again;
      return this.askAgain(again, call);
    }
  }
}

/** The script's error for one of several calls, in the format of the driver's errors. */
class ScriptReplyError extends Error {
  override readonly name = 'ReplyError';
}

/** @throws TypeError for a reply that the script never sends */
function settle({ first, calls }: Run, raw: unknown): void {
  const { charges } = first;
  if (calls.length > 1) {
    const answers = readRunReply(raw, charges, calls.length);
    answers.forEach((answer, index) => calls[index]?.resolve(answer));
    return;
  }
  const reply = readReply(raw, charges);
  first.resolve(reply.allowed ? { reply } : { reply, states: readStates(raw as Buffer, charges) });
}

function rejectAll(calls: readonly QueuedCall[], error: unknown): void {
  for (const { reject } of calls) reject(error);
}

const isCrossSlot = (error: unknown): boolean => error instanceof Error && error.message.startsWith('CROSSSLOT');
