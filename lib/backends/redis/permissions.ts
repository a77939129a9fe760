import { LIMITER } from './limiter.script.js';
import type { RedisDriver } from './redis-driver.js';
import { ScriptCommandError } from './redis-errors.js';
import { isUnknownScript, scriptOf } from './script.js';
import { PING_SCRIPT } from './scripts/ping.generated.js';

const PING = scriptOf(PING_SCRIPT);

/**
 * Runs every command of a decision, by hash and by text, and changes nothing.
 *
 * @throws the error of a decision; for a command of the script, with its name
 */
export async function checkPermissions(driver: RedisDriver, keyPrefix: string): Promise<void> {
  // No subject's key, for those have braces.
  const keys = [`${keyPrefix}ping`];
  const byHash = driver.runByHash(LIMITER, { keys, parameters: ['peek'] }).then(
    () => undefined,
    (error: unknown) => (isUnknownScript(error) ? undefined : error),
  );
  const reply = await driver.runByText(PING, { keys, parameters: [] });
  const [command, message] = reply as readonly (Buffer | undefined)[];
  if (command !== undefined) throw new ScriptCommandError(command.toString(), message?.toString() ?? '');
  const error = await byHash;
  if (error !== undefined) throw error as Error;
}
