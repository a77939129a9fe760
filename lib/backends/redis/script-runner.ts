import { batchOf, readBatch, type Told } from './batch.script.js';
import { LIMITER, limiterCall, type RunVerb, timeOutsideBorders, type Verb } from './limiter.script.js';
import type { Answer, Run, Tell } from './queued-call.js';
import type { RedisDriver, ScriptCall } from './redis-driver.js';
import { type Part, readReply, readStates } from './reply.js';
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

  /**
   * Sends the calls as one call of the script. Never fails: the callers get the errors.
   *
   * @returns tells the callers; they may call again at once
   */
  readonly send = (runs: readonly Run[]): Promise<Tell> =>
    runs.length === 1 ? this.sendOne(runs[0] as Run) : this.sendTogether(runs);

  private async sendOne(run: Run): Promise<Tell> {
    const call = this.encoded(run);
    if (call === undefined) return nothing;
    try {
      const raw = await this.ask(call, () => this.callOf(run));
      return () => settle(run, raw);
    } catch (error) {
      return () => rejectAll(run, error);
    }
  }

  private async sendTogether(given: readonly Run[]): Promise<Tell> {
    const runs: Run[] = [];
    const calls: ScriptCall[] = [];
    for (const run of given) {
      const call = this.encoded(run);
      if (call === undefined) continue;
      runs.push(run);
      calls.push(call);
    }
    if (runs.length === 0) return nothing;
    try {
      const raw = await this.ask(batchOf(calls), () => batchOf(runs.map((run) => this.callOf(run))));
      const told = readBatch(raw, runs.length);
      return () => runs.forEach((run, index) => this.conclude(run, raw, told[index] as Told));
    } catch (error) {
      if (!isCrossSlot(error)) return () => runs.forEach((run) => rejectAll(run, error));
      // Nothing has run: the server rejects keys of several slots before.
      this.onSlots();
      const tells = await Promise.all(runs.map((run) => this.sendOne(run)));
      return () => tells.forEach((tell) => tell());
    }
  }

  /** Tells the callers of one run of several; or sends it again, if it needs other borders of calendar windows. */
  private conclude(run: Run, raw: unknown, told: Told): void {
    if (!('failure' in told)) return settle(run, raw, told);
    // Some servers put an error sign in front of errors that a script catches.
    const error = new ScriptReplyError(told.failure.replace(/^-/, ''));
    const serverMs = timeOutsideBorders(error);
    if (serverMs === undefined) return rejectAll(run, error);
    this.serverAheadMs = serverMs - Date.now();
    void this.sendOne(run).then((tell) => tell());
  }

  /** If a call cannot be encoded for the script, only its caller gets the error. */
  private encoded(run: Run): ScriptCall | undefined {
    try {
      return this.callOf(run);
    } catch (error) {
      rejectAll(run, error);
      return undefined;
    }
  }

  private callOf({ first, calls }: Run): ScriptCall {
    const verb: Verb | RunVerb = calls.length === 1 ? first.verb : { kind: 'run', count: calls.length };
    return limiterCall(this.keyPrefix, verb, first.charges, this.clock);
  }

  /** @param again makes the call again: the borders of calendar windows may have to be others */
  private async ask(call: ScriptCall, again: () => ScriptCall): Promise<unknown> {
    try {
      return await this.driver.runByHash(LIMITER, call);
    } catch (error) {
      return this.askAgain(error, again);
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

const nothing: Tell = () => undefined;

/** The script's error for one of several calls, in the format of the driver's errors. */
class ScriptReplyError extends Error {
  override readonly name = 'ReplyError';
}

function settle(run: Run, raw: unknown, part?: Part): void {
  const { first, calls } = run;
  const { charges } = first;
  try {
    if (calls.length === 1) {
      const reply = readReply(raw, charges, part);
      return first.resolve(reply.allowed ? { reply } : { reply, states: readStates(raw as Buffer, charges, part) });
    }
    const answers = readRunReply(raw, charges, calls.length, part);
    calls.forEach((call, index) => call.resolve(answers[index] as Answer));
  } catch (error) {
    rejectAll(run, error);
  }
}

function rejectAll({ calls }: Run, error: unknown): void {
  for (const call of calls) call.reject(error);
}

const isCrossSlot = (error: unknown): boolean => error instanceof Error && error.message.startsWith('CROSSSLOT');
