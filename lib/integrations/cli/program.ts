import { Command, InvalidArgumentError, Option } from 'commander';
import { storedKeys } from '../../limiter/bounded-key.js';
import type { Policy } from '../../contracts/policy.js';
import { inMilliseconds } from '../../policies/duration.js';
import type { CounterSource } from './counter-source.js';
import { wrongUse } from './failures.js';
import { checkHealth } from './health.command.js';
import { inspectKey, resetKey } from './key.commands.js';
import { policiesOf, policiesOfFile } from './known-policies.js';
import { logKey } from './log-keys.js';
import { sourceOf } from './source-of-url.js';
import type { Output } from './output.js';
import { printableLines } from './terminal.js';
import { simulate } from './simulate.command.js';
import { topForever, topOnce } from './top.command.js';

/** Options of the commands that ask a store. */
interface StoreFlags {
  readonly url?: string;
  readonly keyPrefix: string;
  readonly schema: string;
  readonly table: string;
  readonly timeout: number;
  readonly json?: boolean;
}

interface PolicyFlags {
  readonly policy?: readonly string[];
  readonly policies?: string;
}

interface KeyFlags extends StoreFlags, PolicyFlags {
  readonly hashKeys?: boolean;
}

/** The command line, without the process around it. */
export function makeProgram(version: string, output: Output, signal: AbortSignal): Command {
  const program = new Command('floodgate')
    .description('Looks at the counters of nestjs-floodgate, and tries policies on access logs.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.write(text),
      writeErr: (text) => output.complain(printableLines(text)),
    })
    .showHelpAfterError('(see floodgate --help)');

  withStore(withPolicies(program.command('top')))
    .description('list the counters that are used most')
    .option('--once', 'print once, and end')
    .option('--count <number>', 'counters to show', positive, 20)
    .option('--scan <number>', 'most keys to look at', positive, 100_000)
    .option('--interval <time>', 'time between two looks', duration, 2_000)
    .action(async (flags: StoreFlags & PolicyFlags & TopFlags) => {
      const options = { ...flags, json: flags.json === true, policies: await policiesIn(flags) };
      const isOnce = flags.once === true || options.json || !output.isTerminal;
      await withSource(flags, (source) =>
        isOnce
          ? topOnce(source, options, output)
          : topForever(source, { ...options, intervalMs: flags.interval }, output, signal),
      );
    });

  withStore(withPolicies(withKeys(program.command('inspect'))))
    .description('show each counter of a key, such as user:42 or ip:192.0.2.1')
    .argument('<key>')
    .action(async (key: string, flags: KeyFlags) => {
      const options = { json: flags.json === true, timeoutMs: flags.timeout, policies: await policiesIn(flags) };
      const stored = storedKey(key, flags);
      await withSource(flags, (source) => inspectKey(source, stored, options, output));
    });

  withStore(withPolicies(withKeys(program.command('reset'))))
    .description('remove the counters of a key: all of them, or those of one policy')
    .argument('<key>')
    .argument('[policy]', "name or rate, such as login or '5/15m'")
    .action(async (key: string, policy: string | undefined, flags: KeyFlags) => {
      const options = { json: flags.json === true, timeoutMs: flags.timeout, policies: await policiesIn(flags) };
      const stored = storedKey(key, flags);
      await withSource(flags, (source) => resetKey(source, stored, policy, options, output));
    });

  withStore(program.command('health'))
    .description('tell whether the store can decide')
    .action(async (flags: StoreFlags) => {
      const source = await sourceOf(sourceOptions(flags));
      await closing(source, () => checkHealth(source, { json: flags.json === true, timeoutMs: flags.timeout }, output));
    });

  withPolicies(program.command('simulate'))
    .description('tell what policies would have refused of the calls in access logs')
    .argument('<access-log...>', 'files in the common or combined format or JSON lines, also .gz; - is standard input')
    .option('--key <key>', 'who is limited: ip, user, user-or-ip, global, header:<name>', 'ip')
    .option('--path <prefix>', 'only calls whose path begins so')
    .option('--max-keys <number>', 'counters to keep in memory for each policy', positive, 100_000)
    .option('--json', 'print JSON')
    .action(async (files: string[], flags: PolicyFlags & SimulateFlags) => {
      // A name stands for the policies of two places, which are the same here.
      const named = await policiesIn(flags);
      const policies = [...new Map(named.map((policy) => [`${policy.name} ${policy.algorithm}`, policy])).values()];
      if (policies.length === 0) program.error("simulate needs a policy: --policy '100/m'.");
      const { path, maxKeys, json = false } = flags;
      const options = { policies, key: logKey(flags.key), maxKeys, json, ...(path !== undefined && { path }) };
      await simulate(files, options, output);
    });
  return program;
}

interface TopFlags {
  readonly once?: boolean;
  readonly count: number;
  readonly scan: number;
  readonly interval: number;
}

interface SimulateFlags {
  readonly key: string;
  readonly path?: string;
  readonly maxKeys: number;
  readonly json?: boolean;
}

const withStore = (command: Command): Command =>
  command
    .addOption(new Option('--url <url>', 'where the counters are: redis://… or postgres://…').env('FLOODGATE_URL'))
    .option('--key-prefix <text>', 'of redisBackend', 'floodgate:')
    .option('--schema <name>', 'of postgresBackend', 'public')
    .option('--table <name>', 'of postgresBackend', 'floodgate')
    .option('--timeout <time>', 'longest wait for the store', duration, 5_000)
    .option('--json', 'print JSON');

const withPolicies = (command: Command): Command =>
  command
    .option(
      '--policy <[name=]rate>',
      "a policy: '100/m', 'login=5/15m', 'api=100/m,token-bucket,burst=20' (may be repeated)",
      (text: string, before: readonly string[] | undefined) => [...(before ?? []), text],
    )
    .option('--policies <file>', 'policies of a file, as filePolicyStore reads it');

const withKeys = (command: Command): Command =>
  command.option('--hash-keys', 'the module has hashKeys; its secret, if any, is in FLOODGATE_KEY_SECRET');

async function policiesIn({ policy = [], policies }: PolicyFlags): Promise<readonly Policy[]> {
  return [...policy.flatMap(policiesOf), ...(policies === undefined ? [] : await policiesOfFile(policies))];
}

const sourceOptions = ({ url, keyPrefix, schema, table, timeout }: StoreFlags) => ({
  keyPrefix,
  schema,
  table,
  timeoutMs: timeout,
  ...(url !== undefined && { url }),
});

async function withSource(flags: StoreFlags, use: (source: CounterSource) => Promise<void>): Promise<void> {
  const source = await sourceOf(sourceOptions(flags));
  await closing(source, async () => {
    await source.connect();
    await use(source);
  });
}

async function closing(source: CounterSource, use: () => Promise<void>): Promise<void> {
  try {
    await use();
  } finally {
    await source.close().catch(() => undefined);
  }
}

function storedKey(key: string, { hashKeys = false }: KeyFlags): string {
  if (key === '') throw wrongUse('A key is a text that is not empty.');
  const secret = process.env['FLOODGATE_KEY_SECRET'];
  return storedKeys(hashKeys && secret !== undefined ? { secret } : hashKeys)(key);
}

function positive(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError('Give a whole number of at least 1.');
}

function duration(text: string): number {
  const milliseconds = inMilliseconds(text);
  if (milliseconds >= 1 && milliseconds < 2 ** 31) return Math.round(milliseconds);
  throw new InvalidArgumentError("Give a time such as '500ms' or '5s'.");
}
