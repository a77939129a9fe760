import type { Policy } from '../../contracts/policy.js';
import { percent, type PolicyReport, sentenceOf } from '../../simulate/policy-report.js';
import { PolicyTrial } from '../../simulate/policy-trial.js';
import { readLine } from './access-log.js';
import { nothingFound } from './failures.js';
import { addressOf, type LogKey } from './log-keys.js';
import { eachLine } from './log-lines.js';
import { type Output, print } from './output.js';
import { printable, table } from './terminal.js';

/** Refused clients that are told apart. */
const MAX_CLIENTS = 100_000;

export interface SimulateOptions {
  readonly policies: readonly Policy[];
  readonly key: LogKey;
  /** Only calls whose path begins so. */
  readonly path?: string;
  /** Counters that are kept at a time. */
  readonly maxKeys: number;
  readonly json: boolean;
}

/** What was read of the logs. */
export interface LogReport {
  readonly lines: number;
  readonly calls: number;
  /** Lines that could not be read, or lack what the key needs. */
  readonly broken: number;
  readonly firstBroken: { readonly file: string; readonly line: number } | null;
  /** Lines with a time before that of an earlier line: they count as of that one. */
  readonly outOfOrder: number;
  readonly from: string | null;
  readonly to: string | null;
}

/** Replays logs through the algorithms of policies, one line at a time. */
class LogReplay {
  private lines = 0;
  private calls = 0;
  private broken = 0;
  private firstBroken: LogReport['firstBroken'] = null;
  private outOfOrder = 0;
  private fromMs: number | undefined;
  private nowMs = Number.NEGATIVE_INFINITY;
  private readonly trials: readonly PolicyTrial[];

  constructor(private readonly options: SimulateOptions) {
    const { policies, maxKeys } = options;
    this.trials = policies.map((policy) => new PolicyTrial(policy, { maxKeys, maxClients: MAX_CLIENTS }));
  }

  async read(file: string): Promise<void> {
    let number = 0;
    await eachLine(file, (line) => {
      number += 1;
      this.lines += 1;
      if (line !== undefined && this.take(line)) return;
      this.broken += 1;
      this.firstBroken ??= { file, line: number };
    });
  }

  report(): { readonly log: LogReport; readonly policies: readonly PolicyReport[] } {
    const { lines, calls, broken, firstBroken, outOfOrder, fromMs, nowMs } = this;
    const time = (milliseconds: number): string => new Date(milliseconds).toISOString();
    const [from, to] = fromMs === undefined ? [null, null] : [time(fromMs), time(nowMs)];
    return {
      log: { lines, calls, broken, firstBroken, outOfOrder, from, to },
      policies: this.trials.map((trial) => trial.report()),
    };
  }

  /** Whether a line could be read. */
  private take(line: string): boolean {
    const call = readLine(line);
    if (call === undefined) return false;
    const { path } = this.options;
    if (path !== undefined && call.path?.startsWith(path) !== true) return true;
    const address = addressOf(call);
    const key = this.options.key(call, address);
    if (key === undefined) return false;
    // Lines are written when calls end: time must not step back for it.
    if (call.atMs < this.nowMs) this.outOfOrder += 1;
    this.nowMs = Math.max(this.nowMs, call.atMs);
    this.fromMs ??= this.nowMs;
    this.calls += 1;
    for (const trial of this.trials) trial.replay({ key, cost: 1, atMs: this.nowMs, address });
    return true;
  }
}

/** Prints what policies would have refused. @throws CommandFailure if the logs hold no call */
export async function simulate(files: readonly string[], options: SimulateOptions, output: Output): Promise<void> {
  const replay = new LogReplay(options);
  for (const file of files) await replay.read(file);
  const report = replay.report();
  print(output, options.json, report, () => [textOf(report.policies), logText(report.log)].join('\n\n'));
  if (report.log.calls === 0) throw nothingFound('');
}

function textOf(reports: readonly PolicyReport[]): string {
  const overview = table(
    ['POLICY', 'COUNTED BY', 'CALLS', 'REFUSED', 'SHARE', 'CLIENTS', 'ONE IN 1,000'],
    reports.map(({ policy, algorithm, calls, refused, share, clients, oneInAThousand }) => [
      policy,
      algorithm,
      calls,
      refused,
      percent(share),
      clients,
      oneInAThousand?.rate ?? '?',
    ]),
  );
  return [overview, ...reports.map(detailsOf)].join('\n\n');
}

function detailsOf(report: PolicyReport): string {
  const { policy, mostRefused, forgotten } = report;
  const worst = mostRefused.map(({ key, refused }) => `  ${printable(key)}: ${refused.toLocaleString('en-US')}`);
  return [
    `${policy} ${sentenceOf(report)}.`,
    ...(worst.length > 0 ? ['Refused most often:', ...worst] : []),
    ...(forgotten > 0
      ? [`${forgotten.toLocaleString('en-US')} counters were dropped while they counted: see --max-keys.`]
      : []),
  ].join('\n');
}

function logText({ lines, calls, broken, firstBroken, outOfOrder, from, to }: LogReport): string {
  const counted = (count: number): string => `${count.toLocaleString('en-US')} line${count === 1 ? '' : 's'}`;
  const span = from === null ? '' : `, ${from} to ${to ?? ''}`;
  const first = firstBroken === null ? '' : `, the first is line ${firstBroken.line} of ${printable(firstBroken.file)}`;
  return [
    `${counted(lines)}, ${calls.toLocaleString('en-US')} calls${span}.`,
    `${counted(broken)} could not be read${first}.`,
    ...(outOfOrder > 0 ? [`${counted(outOfOrder)} out of order: each counts at the time of the line before.`] : []),
  ].join(' ');
}
