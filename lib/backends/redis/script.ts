import { createHash } from 'node:crypto';
import type { RedisDriver, Script, ScriptCall } from './redis-driver.js';

export const scriptOf = (text: string): Script => ({ text, hash: createHash('sha1').update(text).digest('hex') });

export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

/** Runs a script by its hash, or by its text if the server does not know it. */
export async function runScript(driver: RedisDriver, script: Script, call: ScriptCall): Promise<unknown> {
  try {
    return await driver.runByHash(script, call);
  } catch (error) {
    if (!isUnknownScript(error)) throw error;
    return driver.runByText(script, call);
  }
}
