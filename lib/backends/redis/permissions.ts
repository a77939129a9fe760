import { createHash } from 'node:crypto';
import { isUnknownScript, LIMITER } from './limiter.script.js';
import type { RedisDriver, Script } from './redis-driver.js';
import { PING_SCRIPT } from './scripts/ping.generated.js';

const PING: Script = { text: PING_SCRIPT, hash: createHash('sha1').update(PING_SCRIPT).digest('hex') };

/** A command within a script failed: in the form of the driver's own errors, and with its name. */
class CommandError extends Error {
  override readonly name = 'ReplyError';

  constructor(
    readonly command: string,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Runs every command that a decision runs, by hash and by text, and changes nothing.
 *
 * @throws what a decision would be answered; where it is about one command of the script, with that one's name
 */
export async function checkPermissions(driver: RedisDriver, keyPrefix: string): Promise<void> {
  // No subject's key, for those have braces.
  const keys = [`${keyPrefix}ping`];
  const [reply] = await Promise.all([
    driver.runByText(PING, { keys, parameters: [] }),
    driver.runByHash(LIMITER, { keys, parameters: ['peek'] }).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
    }),
  ]);
  const [command, message] = reply as readonly (Buffer | undefined)[];
  if (command !== undefined) throw new CommandError(command.toString(), message?.toString() ?? '');
}
